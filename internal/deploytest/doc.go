// Package deploytest holds the deployments in deploy/ to what they are written for: manifests to the types of Kubernetes
// and to the schema of KEDA, the compose file to compose's schema, the template to CloudFormation's, the values to NATS's
// chart, the image to what a scratch image needs; and all of them to DICE, whose binary reads every command line of
// theirs. It is a module of its own, so that DICE does not depend on any of that. It has tests only:
//
//	cd internal/deploytest && go test ./...
package deploytest

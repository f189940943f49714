package deploytest

import (
	"testing"

	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/kubernetes/pkg/apis/apps"
	appsinstall "k8s.io/kubernetes/pkg/apis/apps/install"
	appsvalidation "k8s.io/kubernetes/pkg/apis/apps/validation"
	"k8s.io/kubernetes/pkg/apis/batch"
	batchinstall "k8s.io/kubernetes/pkg/apis/batch/install"
	batchvalidation "k8s.io/kubernetes/pkg/apis/batch/validation"
	"k8s.io/kubernetes/pkg/apis/core"
	coreinstall "k8s.io/kubernetes/pkg/apis/core/install"
	corevalidation "k8s.io/kubernetes/pkg/apis/core/validation"
	"k8s.io/kubernetes/pkg/apis/networking"
	networkinginstall "k8s.io/kubernetes/pkg/apis/networking/install"
	networkingvalidation "k8s.io/kubernetes/pkg/apis/networking/validation"
	"k8s.io/kubernetes/pkg/apis/policy"
	policyinstall "k8s.io/kubernetes/pkg/apis/policy/install"
	policyvalidation "k8s.io/kubernetes/pkg/apis/policy/validation"
	"k8s.io/utils/ptr"
)

// decoder reads manifests as Kubernetes's API server does in strict mode, with its defaults.
func decoder() runtime.Decoder {
	scheme := runtime.NewScheme()
	for _, install := range []func(*runtime.Scheme){
		appsinstall.Install, batchinstall.Install, coreinstall.Install, networkinginstall.Install, policyinstall.Install,
	} {
		install(scheme)
	}
	return serializer.NewCodecFactory(scheme, serializer.EnableStrict).UniversalDecoder()
}

// admit holds a manifest to what Kubernetes's API server demands of a new object.
func admit(t *testing.T, where, text string) {
	t.Helper()
	object, _, err := decoder().Decode([]byte(text), nil, nil)
	if err != nil {
		t.Errorf("%s: %v", where, err)
		return
	}
	var faults field.ErrorList
	switch o := object.(type) {
	case *apps.Deployment:
		faults = appsvalidation.ValidateDeployment(o, corevalidation.PodValidationOptions{})
	case *batch.Job:
		o.Spec.ManualSelector, o.Spec.Selector = ptr.To(true), selectorOf(o.Spec.Template.Labels) // the server makes one up
		faults = batchvalidation.ValidateJobCreate(o, batchvalidation.JobValidationOptions{})
	case *policy.PodDisruptionBudget:
		faults = policyvalidation.ValidatePodDisruptionBudget(o, policyvalidation.PodDisruptionBudgetValidationOptions{})
	case *networking.NetworkPolicy:
		faults = networkingvalidation.ValidateNetworkPolicy(o, networkingvalidation.NetworkPolicyValidationOptions{})
	case *core.ConfigMap:
		faults = corevalidation.ValidateConfigMap(o)
	case *core.Secret:
		faults = corevalidation.ValidateSecret(o)
	case *core.ServiceAccount:
		faults = corevalidation.ValidateServiceAccount(o)
	case *core.Namespace:
		faults = corevalidation.ValidateNamespace(o)
	default:
		t.Errorf("%s: a test for %T is missing", where, o)
	}
	for _, fault := range faults {
		t.Errorf("%s: %v", where, fault)
	}
}

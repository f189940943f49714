// Package servertest gives tests real servers: MinIO for object storage and nats-server for the queue, as child
// processes on free loopback ports.
//
// A fake would hide exactly the faults that DICE must survive, so tests run what users run. The servers are built once
// from pinned modules into a cache folder (MinIO takes five to six minutes when Go's caches are cold, and says so) and
// found there from then on. A server that cannot be built or started fails the test; nothing is skipped.
//
//	endpoint, accessKey, secretKey := servertest.MinIO(t)   // one per test binary
//	url, env := servertest.Bucket(t)                        // a fresh bucket of it, and the environment to reach it
//	url, env, proxy := servertest.FaultyBucket(t)           // one behind a proxy that lets go wrong what it is told to
//	natsURL := servertest.NATS(t)                           // one per test binary
//	server := servertest.StartNATS(t)                       // one's own, to Stop, Kill, Pause and Start again
package servertest

// Package controlplane runs a real Kubernetes control plane in this process:
// etcd, kube-apiserver, kube-controller-manager and kube-scheduler, and fakes for
// what they work with (kubelets, a volume provisioner, a load balancer, an
// ingress controller). Start reading at [Run].
//
// Nothing here really runs a container. Pods are scheduled, become ready, end,
// fail and go away as their specification and the annotations below say, so that
// a rollout can be rehearsed in seconds. Nothing leaves the machine either: the
// API server listens on 127.0.0.1, and whatever it would dial is refused.
//
// # The state folder
//
// The folder is the whole interface to other programs:
//
//	sandbox.json  what the process does, replaced as a whole; see [State]
//	lock          a record lock is held on it while a process uses the folder
//	kubeconfig    how to reach the API server as an administrator
//	log           what all components say
//
// The kernel tells which process holds the record lock (F_GETLK), and forgets it
// when that process dies. Thus only a pid that holds the lock may be signalled,
// and a sandbox.json with another pid is what a killed process left behind.
//
// # Behaviour on demand
//
// Pods run at once and stay ready; pods that may end (restartPolicy Never or
// OnFailure) succeed after 0.2 s. Annotations of the pod, thus of a workload's
// pod template, ask for something else. Durations are seconds (1.5) or Go
// durations (90s).
//
//	sandbox.gantry.dev/run-for             how long the containers run before they end
//	sandbox.gantry.dev/exit-code           what they end with
//	sandbox.gantry.dev/crash-loop          "true": they end and start again for ever, never ready (exit code 1)
//	sandbox.gantry.dev/ready-after         how long they run before they are ready
//	sandbox.gantry.dev/not-ready           "true": they never become ready
//	sandbox.gantry.dev/image-pull-failure  "true": they never start, since the image can't be pulled
//	sandbox.gantry.dev/log                 what the containers write when they start
//	sandbox.gantry.dev/log-every           how often they write it again
//
// Logs, commands in containers and forwarded ports go their real ways through the
// API server to a fake kubelet. Its containers know a handful of commands (cat,
// echo, env, exit, hostname, sh, tar), keep the files that are copied to them, and
// answer HTTP at every port.
//
// As on a real node, a container that names a missing ConfigMap or Secret does
// not start before that exists. All of these heal when the cause goes away.
//
// Claims are bound when their StorageClass (standard is the default; any other
// of the provisioner sandbox.gantry.dev/volumes will do) says so. Services of
// type LoadBalancer and Ingresses of any class get an address from the ranges
// kept for documentation, at which nothing answers.
package controlplane

package rules

import "slices"

// containerRows are the attributes that services, jobs and pre_start hooks
// share.
func containerRows() []Row { return slices.Concat(someContainerRows(), moreContainerRows()) }

// someContainerRows are the first half of them, in the order of their names.
func someContainerRows() []Row {
	return []Row{
		{"annotations", Converted, Silent, "metadata.annotations, template.metadata.annotations", "becomes annotations of the workload and its pods"},
		{"blkio_config", Ignored, Warn, "", "has no counterpart: pods cannot limit block I/O; use a storage class with its own limits"},
		{"cap_add", Converted, Silent, "containers[].securityContext.capabilities.add", "becomes the capabilities of the container"},
		{"cap_drop", Converted, Silent, "containers[].securityContext.capabilities.drop", "is taken from the capabilities of the container"},
		{"cgroup", Ignored, Silent, "", "has no counterpart: containers have a cgroup namespace of their own"},
		{"cgroup_parent", Ignored, Warn, "", "has no counterpart: the kubelet owns the hierarchy of cgroups"},
		{"command", Converted, Silent, "containers[].args", "becomes the arguments of the container; $ is protected from the kubelet, and hosts have the names of their Services"},
		{"configs", Converted, Silent, "ConfigMap, volumes[].configMap, containers[].volumeMounts", "becomes a file from a ConfigMap at the same path"},
		{"cpu_count", Approximated, Warn, "containers[].resources.limits.cpu", "counts processors of Windows hosts: it becomes the limit of cores, unless cpus gives one"},
		{"cpu_percent", Ignored, Warn, "", "is a share of Windows hosts: set cpus instead"},
		{"cpu_period", Converted, Silent, "containers[].resources.limits.cpu", "divides cpu_quota"},
		{"cpu_quota", Converted, Silent, "containers[].resources.limits.cpu", "becomes a limit of cpu_quota / cpu_period cores"},
		{"cpu_rt_period", Ignored, Warn, "", "has no counterpart: pods have no real-time scheduling"},
		{"cpu_rt_runtime", Ignored, Warn, "", "has no counterpart: pods have no real-time scheduling"},
		{"cpu_shares", Approximated, Note, "containers[].resources.requests.cpu", "becomes a request of 1/1024 core a share, unless cores are reserved"},
		{"cpus", Converted, Silent, "containers[].resources.limits.cpu", "becomes the limit of cores"},
		{"cpuset", Ignored, Warn, "", "has no counterpart: the static CPU manager of the kubelet gives whole cores to pods whose requests equal their limits"},
		{"credential_spec", Approximated, Silent, "containers[].securityContext.windowsOptions", "becomes the group managed service account of a container of Windows"},
		{"device_cgroup_rules", Ignored, Warn, "", "has no counterpart: use the device plugin of the device"},
		{"devices", Approximated, Silent, "volumes[].hostPath, containers[].resources.limits", "mounts the device file of the node; CDI devices ask for the resource of their device plugin"},
		{"dns", Approximated, Silent, "dnsConfig.nameservers", "is asked after the cluster's own DNS"},
		{"dns_opt", Converted, Silent, "dnsConfig.options", "becomes an option of the pod's resolver"},
		{"dns_search", Converted, Silent, "dnsConfig.searches", "becomes a search domain of the pod's resolver"},
		{"domainname", Approximated, Silent, "hostnameOverride", "becomes the end of the pod's host name, which the cluster's DNS does not know"},
		{"entrypoint", Converted, Silent, "containers[].command", "becomes the command of the container"},
		{"env_file", Converted, Silent, "ConfigMap, Secret, containers[].envFrom", "becomes variables from a ConfigMap and a Secret, below environment; services that share the file share these"},
		{"environment", Converted, Silent, "containers[].env, Secret", "becomes variables of the container; secrets among them come from a Secret, and hosts have the names of their Services"},
		{"extra_hosts", Converted, Silent, "hostAliases", "becomes entries of the pod's hosts file"},
		{"gpus", Approximated, Silent, "containers[].resources.limits", "asks for as many devices of the vendor's device plugin"},
		{"group_add", Converted, Silent, "securityContext.supplementalGroups", "becomes supplemental groups of the pod"},
		{"hostname", Converted, Silent, "hostname, hostnameOverride", "becomes the host name of the pod, with the characters that it may have"},
		{"image", Converted, Silent, "containers[].image", "is the image of the container"},
		{"init", Ignored, Note, "", "is left to the image: without an init process zombies are reaped only with shareProcessNamespace"},
		{"ipc", Converted, Silent, "hostIPC", "shares the node's IPC for host, and a pod with the service whose IPC it is"},
		{"isolation", Ignored, Warn, "", "chooses an isolation technology of Windows: use a RuntimeClass"},
		{"label_file", Converted, Silent, "metadata.annotations", "is read into labels"},
	}
}

// moreContainerRows are the second half of them, in the order of their names.
func moreContainerRows() []Row {
	return []Row{
		{"labels", Approximated, Silent, "metadata.annotations", "becomes annotations: labels of Kubernetes cannot hold free text"},
		{"logging", Ignored, Silent, "", "is left to the cluster, which collects what containers print"},
		{"mac_address", Ignored, Warn, "", "has no counterpart: the network of the cluster gives addresses"},
		{"mem_limit", Converted, Silent, "containers[].resources.limits.memory", "becomes the limit of memory"},
		{"mem_reservation", Converted, Silent, "containers[].resources.requests.memory", "becomes the request of memory"},
		{"mem_swappiness", Ignored, Warn, "", "has no counterpart: swap is a setting of the node"},
		{"memswap_limit", Ignored, Warn, "", "has no counterpart: swap is a setting of the node"},
		{"models", Approximated, Silent, "containers[].env", "sets the variables with the model's address, which --model-endpoint gives, and its name"},
		{"network_mode", Approximated, Silent, "hostNetwork, dnsPolicy, NetworkPolicy", "shares the node's network for host, and a pod with the service whose network it is; has none for none with --network-policies"},
		{"networks", Approximated, Silent, "Service, NetworkPolicy", "all pods of a cluster reach each other, unless --network-policies keeps them apart; aliases become Services"},
		{"networks.*.driver_opts", Ignored, Warn, "", "has no counterpart: the network of the cluster decides"},
		{"networks.*.gw_priority", Ignored, Note, "", "has no counterpart: a pod has one network"},
		{"networks.*.interface_name", Ignored, Warn, "", "has no counterpart: a pod has one interface, eth0"},
		{"networks.*.ipv4_address", Ignored, Note, "", "has no counterpart: addresses of pods change, and names of services do not; strings that mention the address are told"},
		{"networks.*.ipv6_address", Ignored, Note, "", "has no counterpart: addresses of pods change, and names of services do not"},
		{"networks.*.link_local_ips", Ignored, Warn, "", "has no counterpart: the network of the cluster gives addresses"},
		{"networks.*.mac_address", Ignored, Warn, "", "has no counterpart: the network of the cluster gives addresses"},
		{"networks.*.priority", Ignored, Note, "", "has no counterpart: a pod has one network"},
		{"networks.*.use_service_name_alias", Approximated, Silent, "Service", "leaves out the Service where the name resolves on no network"},
		{"oom_kill_disable", Ignored, Warn, "", "has no counterpart: the kernel ends what goes over its limit of memory"},
		{"oom_score_adj", Ignored, Warn, "", "has no counterpart: requests and limits decide who is ended first"},
		{"pid", Converted, Silent, "hostPID, shareProcessNamespace", "shares the node's processes for host, and a pod with the service whose processes they are"},
		{"pids_limit", Ignored, Warn, "", "has no counterpart: podPidsLimit is a setting of the kubelet"},
		{"platform", Converted, Silent, "nodeSelector", "chooses nodes by operating system and architecture"},
		{"privileged", Converted, Silent, "containers[].securityContext.privileged", "makes the container privileged"},
		{"pull_policy", Converted, Silent, "containers[].imagePullPolicy", "becomes the pull policy"},
		{"pull_refresh_after", Approximated, Note, "containers[].imagePullPolicy", "has no counterpart: Kubernetes asks the registry at each start or never"},
		{"read_only", Converted, Silent, "containers[].securityContext.readOnlyRootFilesystem", "makes the root file system read-only"},
		{"runtime", Approximated, Silent, "runtimeClassName", "becomes the RuntimeClass of that name"},
		{"secrets", Converted, Silent, "Secret, volumes[].secret, containers[].volumeMounts", "becomes a file from a Secret at the same path"},
		{"security_opt", Converted, Silent, "containers[].securityContext", "becomes the matching field of the security context"},
		{"shm_size", Converted, Silent, "volumes[].emptyDir", "becomes a folder in memory at /dev/shm, which counts as memory of the container"},
		{"stop_grace_period", Converted, Silent, "terminationGracePeriodSeconds", "is how long a pod may take to stop, in whole seconds"},
		{"stop_signal", Approximated, Silent, "containers[].lifecycle.stopSignal", "is how the container is told to stop, with --stop-signals; without it, the image's STOPSIGNAL counts"},
		{"storage_opt", Approximated, Silent, "containers[].resources.limits.ephemeral-storage", "size becomes the limit of ephemeral storage"},
		{"sysctls", Converted, Silent, "securityContext.sysctls", "becomes sysctls of the pod"},
		{"tmpfs", Converted, Silent, "volumes[].emptyDir", "becomes a folder in memory"},
		{"ulimits", Ignored, Warn, "", "has no counterpart: limits of processes are a setting of the node's container runtime"},
		{"umask", Ignored, Warn, "", "has no counterpart: set it in the command"},
		{"use_api_socket", Ignored, Warn, "", "has no counterpart: nodes have no Docker socket; use the Kubernetes API with a ServiceAccount"},
		{"user", Converted, Silent, "containers[].securityContext.runAsUser, runAsGroup", "becomes the user and group of the container"},
		{"userns_mode", Converted, Silent, "hostUsers", "uses the node's users for host, which is what Kubernetes does anyway"},
		{"uts", Ignored, Warn, "", "has no counterpart: only a pod with the node's network has its host name"},
		{"volumes", Converted, Silent, "PersistentVolumeClaim, volumes[], containers[].volumeMounts", "becomes a volume of the pod, by its type"},
		{"volumes.[].bind.recursive", Approximated, Silent, "containers[].volumeMounts[].recursiveReadOnly", "decides whether mounts below a read-only folder of the node can be written to"},
		{"volumes.[].bind.selinux", Ignored, Note, "", "is left to the cluster, which labels volumes by itself"},
		{"volumes.[].consistency", Ignored, Note, "", "is for Docker Desktop only"},
		{"volumes.[].tmpfs.mode", Ignored, Note, "", "has no counterpart: a folder in memory has mode 0777"},
		{"volumes.[].volume.labels", Ignored, Note, "", "has no counterpart here: give the labels to the volume at the top level"},
		{"volumes.[].volume.nocopy", Approximated, Note, "", "is how Kubernetes works: nothing of the image is copied into a volume, unless --seed-volumes asks for it"},
		{"volumes_from", Approximated, Silent, "volumes[], containers[].volumeMounts", "takes over the mounts of the other service; what has no name is shared in one pod only"},
		{"working_dir", Converted, Silent, "containers[].workingDir", "becomes the working directory"},
	}
}

// workloadRows are the attributes that services and jobs share.
func workloadRows() []Row {
	return []Row{
		{"depends_on", Approximated, Note, "initContainers, Job, the annotation gantry.dev/depends-on", "orders containers of one pod, and workloads for gantry, which waits as the conditions say; Kubernetes restarts what fails until its dependencies answer, unless --wait-for-healthy or --wait-for-completed says otherwise"},
		{"depends_on.*.restart", Ignored, Note, "", "has no counterpart: pods are not restarted with what they depend on"},
		{"expose", Converted, Silent, "Service, containers[].ports", "becomes ports of the Service"},
		{"healthcheck", Converted, Silent, "containers[].readinessProbe, livenessProbe, startupProbe", "becomes a readiness and a liveness probe, and a startup probe for its start period"},
		{"ports", Converted, Silent, "Service, containers[].ports", "becomes ports of the Service inside the cluster; --expose opens the published ones"},
		{"stdin_open", Converted, Silent, "containers[].stdin", "keeps standard input open"},
		{"tty", Converted, Silent, "containers[].tty", "gives the container a terminal"},
	}
}

// hookRows are the attributes of pre_start hooks alone.
func hookRows() []Row {
	return []Row{
		{"per_replica", Converted, Silent, "initContainers", "is how init containers run: before each replica"},
	}
}

// jobRows are the attributes of jobs alone.
func jobRows() []Row {
	return []Row{
		{"profiles", Converted, Silent, "", "decides whether the job is converted"},
		{"triggers", Converted, Silent, "CronJob", "becomes a CronJob for each schedule"},
	}
}

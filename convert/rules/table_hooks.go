package rules

import "slices"

// hookContainerRows are the attributes that pre_start hooks share with services.
// A hook becomes an init container: what belongs to the pod, it has in common with the
// service, whatever it says itself.
func hookContainerRows() []Row {
	own := containerRows()
	for _, row := range podRows() {
		i := slices.IndexFunc(own, func(r Row) bool { return r.Path == row.Path })
		own[i] = row
	}
	return own
}

// podRows are the attributes that a hook cannot have to itself.
func podRows() []Row {
	return []Row{
		{"annotations", Ignored, Note, "", "belongs to the pod, which has the annotations of the service"},
		{"dns", Ignored, Warn, "", "belongs to the pod: the hook asks the name servers of the service"},
		{"dns_opt", Ignored, Warn, "", "belongs to the pod: the hook has the resolver of the service"},
		{"dns_search", Ignored, Warn, "", "belongs to the pod: the hook has the search domains of the service"},
		{"domainname", Ignored, Warn, "", "belongs to the pod: the hook has the domain name of the service"},
		{"extra_hosts", Ignored, Warn, "", "belongs to the pod: the hook knows the hosts of the service"},
		{"hostname", Ignored, Warn, "", "belongs to the pod: the hook has the host name of the service"},
		{"ipc", Ignored, Warn, "", "belongs to the pod: the hook has the IPC namespace of the service"},
		{"label_file", Ignored, Note, "", "belongs to the pod, which has the labels of the service"},
		{"labels", Ignored, Note, "", "belongs to the pod, which has the labels of the service"},
		{"network_mode", Ignored, Warn, "", "belongs to the pod: the hook has the network of the service"},
		{"networks", Ignored, Note, "", "belongs to the pod: the hook has the network of the service"},
		{"pid", Ignored, Warn, "", "belongs to the pod: the hook sees the processes that the service sees"},
		{"platform", Ignored, Warn, "", "belongs to the pod: the hook runs on the node of the service"},
		{"runtime", Ignored, Warn, "", "belongs to the pod: the hook has the runtime of the service"},
		{"stop_grace_period", Ignored, Note, "", "belongs to the pod, which has the grace period of the service"},
		{"sysctls", Ignored, Warn, "", "belongs to the pod: the hook has the sysctls of the service"},
		{"userns_mode", Ignored, Warn, "", "belongs to the pod: the hook has the user namespace of the service"},
	}
}

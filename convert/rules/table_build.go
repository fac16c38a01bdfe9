package rules

// buildRows are the attributes of build. What is built is the same for a cluster:
// they go to the bake file that --bake writes.
func buildRows() []Row {
	return []Row{
		{"build", Approximated, Silent, "containers[].image", "names the image that somebody must build and push: --bake writes how"},
		{"build.additional_contexts", Converted, Silent, "bake: target.contexts", "becomes further contexts of the target"},
		{"build.args", Converted, Silent, "bake: target.args, variable", "becomes arguments of the target; those that are secrets are read from the environment of the build"},
		{"build.cache_from", Converted, Silent, "bake: target.cache-from", "becomes a cache that the build reads"},
		{"build.cache_to", Converted, Silent, "bake: target.cache-to", "becomes a cache that the build writes"},
		{"build.context", Converted, Silent, "bake: target.context", "is the context of the target, as a path from where the build is run"},
		{"build.dockerfile", Converted, Silent, "bake: target.dockerfile", "is the Dockerfile of the target"},
		{"build.dockerfile_inline", Converted, Silent, "bake: target.dockerfile-inline", "is the Dockerfile of the target"},
		{"build.entitlements", Converted, Silent, "bake: target.entitlements", "is what the build may do beyond others"},
		{"build.extra_hosts", Converted, Silent, "bake: target.extra-hosts", "becomes host names of the build"},
		{"build.isolation", Ignored, Note, "", "has no counterpart: it chooses an isolation technology of Windows, which buildx has not"},
		{"build.labels", Converted, Silent, "bake: target.labels", "becomes labels of the image"},
		{"build.network", Converted, Silent, "bake: target.network, entitlements", "is the network of the build"},
		{"build.no_cache", Converted, Silent, "bake: target.no-cache", "builds without the cache"},
		{"build.no_cache_filter", Converted, Silent, "bake: target.no-cache-filter", "builds these stages without the cache"},
		{"build.platforms", Converted, Silent, "bake: target.platforms", "becomes the platforms of the image"},
		{"build.privileged", Converted, Silent, "bake: target.entitlements", "becomes the entitlement security.insecure"},
		{"build.provenance", Converted, Silent, "bake: target.attest", "becomes the attestation of that type"},
		{"build.pull", Converted, Silent, "bake: target.pull", "pulls the images that the build begins with"},
		{"build.sbom", Converted, Silent, "bake: target.attest", "becomes the attestation of that type"},
		{"build.secrets", Converted, Silent, "bake: target.secret", "names the secrets of the build, and where it reads them: their values stay where they are"},
		{"build.shm_size", Converted, Silent, "bake: target.shm-size", "is the size of /dev/shm in the build"},
		{"build.ssh", Converted, Silent, "bake: target.ssh", "becomes the agents and keys that the build may use"},
		{"build.tags", Converted, Silent, "bake: target.tags", "becomes further names of the image"},
		{"build.target", Converted, Silent, "bake: target.target", "is the stage that is built"},
		{"build.ulimits", Converted, Silent, "bake: target.ulimits", "becomes the limits of the build's processes"},
	}
}

package compose

// Limits of what is read: far above what people write, far below what would fill
// the memory or the day.
const (
	// maxFileBytes is the size of one Compose file.
	maxFileBytes = 16 << 20
	// maxEnvBytes is the size of one env file.
	maxEnvBytes = 1 << 20
	// maxNameBytes is the length of a name in a Compose file: as much as one of a
	// file may have.
	maxNameBytes = 255
	// maxFiles is how many files an application is put together from.
	maxFiles = 512
	// maxDepth is how deep a file may nest, and how long a chain of include or
	// extends may be.
	maxDepth = 100
	// maxVariables is how many ${VARIABLE} one value may mention, in each other or one
	// behind the other: the time to fill them grows faster than their number.
	maxVariables = 200
	// maxPorts is how many ports a service may open: as many as an EndpointSlice of
	// Kubernetes may have (maxPorts in pkg/apis/discovery/validation).
	maxPorts = 20_000
	// maxNodes is how many values there may be once aliases are followed: a few
	// lines of YAML can stand for billions.
	maxNodes = 1_500_000
)

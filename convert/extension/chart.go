package extension

// Chart is a Helm chart that runs in place of a service.
type Chart struct {
	// Name is the name of the chart.
	Name string `json:"name"`
	// Version is the version of the chart, or a range such as ^16.4 or ~2.1.
	Version string `json:"version"`
	// Repository is where the chart is: https://, oci://, a folder as file://, or a configured repository as @NAME.
	Repository string `json:"repository"`
	// Alias is the key of the chart's values, and what the chart takes for its own name. The default is the name of the service.
	Alias string `json:"alias,omitempty"`
	// Values are values for the chart. fullnameOverride is the name of the service, unless they say otherwise.
	Values Values `json:"values,omitempty"`
}

// Values are values of a chart, whatever it takes.
type Values map[string]any

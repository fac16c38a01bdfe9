package charts

// File is one file of a chart, before it is written anywhere.
type File struct {
	// Name is the slash-separated path below the chart's folder, such as
	// templates/web/deployment.yaml.
	Name string
	// Data is the content, byte for byte.
	Data []byte
}

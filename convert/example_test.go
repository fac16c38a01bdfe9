package convert_test

import (
	"context"
	"fmt"
	"os"
	"strings"

	"helm.sh/helm/v3/pkg/chart/loader"

	"gantry/charts/engine"
	"gantry/convert"
	"gantry/convert/compose"
	"gantry/convert/helm"
	"gantry/convert/manifest"
	"gantry/convert/rules"
)

const exampleCompose = `name: blog
services:
  web:
    image: ghost:6.0.1-alpine
    ports: ["8080:2368"]
    cgroup_parent: blog.slice
`

// A Compose file becomes Kubernetes objects, and the user hears of every key that is
// not converted exactly.
func ExampleConvert() {
	result, err := convert.Convert(context.Background(), compose.Source{
		Files: []string{"-"}, Stdin: strings.NewReader(exampleCompose),
	}, rules.Options{})
	if err != nil {
		fmt.Println(err) // a diag.Errors has all problems of the file
		return
	}
	for _, d := range result.Diagnostics {
		fmt.Printf("line %d: %s: %s\n", d.Pos.Line, d.Severity, d.Code)
	}
	for _, o := range result.Objects {
		fmt.Println(o.Kind(), o.GetName())
	}
	if err := manifest.Write(os.Stdout, result.Objects[:1]); err != nil {
		fmt.Println(err)
	}
	// Output:
	// line 6: warning: ignored
	// Service web
	// Deployment web
	// ---
	// apiVersion: v1
	// kind: Service
	// metadata:
	//   name: web
	//   labels:
	//     app.kubernetes.io/instance: blog
	//     app.kubernetes.io/managed-by: gantry
	//     app.kubernetes.io/name: web
	//     app.kubernetes.io/part-of: blog
	// spec:
	//   ports:
	//     - name: "2368-tcp"
	//       protocol: TCP
	//       port: 2368
	//       targetPort: 2368
	//     - name: "8080-tcp"
	//       protocol: TCP
	//       port: 8080
	//       targetPort: 2368
	//   selector:
	//     app.kubernetes.io/instance: blog
	//     app.kubernetes.io/name: web
	//   type: ClusterIP
}

// The same application becomes a chart, which is rendered with values as helm
// renders it. A release.Manager of charts/release would install it.
func ExampleConvert_chart() {
	ctx := context.Background()
	result, err := convert.Convert(ctx, compose.Source{
		Files: []string{"-"}, Stdin: strings.NewReader(exampleCompose),
	}, rules.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	files, err := helm.Chart(helm.Source{Name: "blog", Objects: result.Objects})
	if err != nil {
		fmt.Println(err)
		return
	}
	var buffered []*loader.BufferedFile
	for _, f := range files {
		buffered = append(buffered, &loader.BufferedFile{Name: f.Name, Data: f.Data})
	}
	chart, err := loader.LoadFiles(buffered)
	if err != nil {
		fmt.Println(err)
		return
	}
	values := map[string]any{"web": map[string]any{"replicas": 3}}
	rendered, err := engine.Render(ctx, chart, values, engine.Options{Name: "blog", Namespace: "default"})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, m := range rendered.Manifests {
		fmt.Println(m.Kind, m.Name, strings.Contains(m.Content, "replicas: 3"))
	}
	// Output:
	// Service web false
	// Deployment web true
}

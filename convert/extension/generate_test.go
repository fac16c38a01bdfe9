package extension

import (
	"bytes"
	"encoding/json"
	"flag"
	"go/ast"
	"go/parser"
	"go/token"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"unicode"

	autoscalingv2 "k8s.io/api/autoscaling/v2"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
)

var update = flag.Bool("update", false, "rewrite the schema")

// published is where people and editors find the schema.
const published = "../../docs/x-kubernetes.schema.json"

// TestSchemaFollowsTypes generates the schema from the types and their comments.
func TestSchemaFollowsTypes(t *testing.T) {
	if *update && os.Getenv("CI") != "" {
		t.Fatal("-update changes the schema, and CI only checks it")
	}
	g := newGenerator(t)
	want := g.document()
	for _, b := range bounds() {
		for _, field := range b.fields {
			if !g.limited[field] {
				t.Errorf("there is no field %s to bound", field)
			}
		}
	}
	for _, file := range []string{"schema.json", published} {
		if *update {
			if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(file, want, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		got, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, want) {
			t.Errorf("%s is not what the types say: run go test ./convert/extension -update", file)
		}
	}
}

// generator makes a JSON schema of Go types.
type generator struct {
	t    *testing.T
	defs map[string]any
	// docs are the comments of this package's types and, behind a dot, of their
	// fields.
	docs map[string]string
	// limited are the fields whose numbers have bounds.
	limited map[string]bool
}

type node = map[string]any

func newGenerator(t *testing.T) *generator {
	t.Helper()
	g := &generator{t: t, defs: node{}, docs: map[string]string{}, limited: map[string]bool{}}
	for _, file := range []string{"service.go", "chart.go", "exposure.go", "storage.go", "app.go"} {
		tree, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		for _, decl := range tree.Decls {
			if d, ok := decl.(*ast.GenDecl); ok && d.Tok == token.TYPE {
				g.comments(d)
			}
		}
	}
	return g
}

func (g *generator) comments(d *ast.GenDecl) {
	for _, spec := range d.Specs {
		s := spec.(*ast.TypeSpec)
		g.docs[s.Name.Name] = join(d.Doc)
		fields, ok := s.Type.(*ast.StructType)
		if !ok {
			continue
		}
		for _, f := range fields.Fields.List {
			for _, name := range f.Names {
				g.docs[s.Name.Name+"."+name.Name] = join(f.Doc)
			}
		}
	}
}

// join puts a comment on one line.
func join(c *ast.CommentGroup) string { return strings.Join(strings.Fields(c.Text()), " ") }

// document is the schema of a Compose file with x-kubernetes wherever it may
// stand.
func (g *generator) document() []byte {
	at := func(t reflect.Type) node { return node{Key: g.of(t)} }
	each := func(properties node) node { return node{"additionalProperties": node{"properties": properties}} }
	service := at(reflect.TypeFor[Service]())
	networks := each(at(reflect.TypeFor[Network]()))
	service["ports"] = node{"items": node{"properties": at(reflect.TypeFor[Port]())}}
	root := node{
		"$schema":     "https://json-schema.org/draft/2020-12/schema",
		"title":       "x-kubernetes",
		"description": "What a Compose file says of Kubernetes: the extension x-kubernetes at each place where it may stand.",
		"type":        "object",
		"properties": node{
			Key: g.of(reflect.TypeFor[App]()), "services": each(service), "jobs": each(at(reflect.TypeFor[Service]())),
			"volumes": each(at(reflect.TypeFor[Volume]())), "configs": each(at(reflect.TypeFor[Config]())), "secrets": each(at(reflect.TypeFor[Secret]())),
			"networks": networks,
		},
		"$defs": g.defs,
	}
	var out bytes.Buffer
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(root); err != nil {
		g.t.Fatal(err)
	}
	return out.Bytes()
}

// of returns the schema of a type.
func (g *generator) of(t reflect.Type) node {
	switch t {
	case reflect.TypeFor[resource.Quantity]():
		return node{"type": []string{"string", "number"}, "format": "quantity"}
	case reflect.TypeFor[intstr.IntOrString]():
		return node{"type": []string{"integer", "string"}}
	case reflect.TypeFor[metav1.Time]():
		return node{"type": "string", "format": "date-time"}
	case reflect.TypeFor[metav1.FieldsV1](), reflect.TypeFor[Values]():
		return node{"type": "object"}
	case reflect.TypeFor[Cron]():
		return node{"type": "string", "format": "schedule"}
	case reflect.TypeFor[TimeZone]():
		return node{"type": "string", "format": "timezone"}
	case reflect.TypeFor[Patches]():
		return g.patches()
	case reflect.TypeFor[Namespace]():
		return node{"anyOf": []node{g.structure(t), {"type": "string", "minLength": 1}}}
	}
	switch t.Kind() {
	case reflect.Pointer:
		return g.of(t.Elem())
	case reflect.Struct:
		return g.structure(t)
	case reflect.Slice:
		if t.Elem().Kind() == reflect.Uint8 {
			return node{"type": "string"}
		}
		return node{"type": "array", "items": g.of(t.Elem())}
	case reflect.Map:
		return node{"type": "object", "additionalProperties": g.of(t.Elem())}
	case reflect.String:
		if values := enums()[t]; values != nil {
			return node{"type": "string", "enum": values}
		}
		return node{"type": "string"}
	case reflect.Bool:
		return node{"type": "boolean"}
	case reflect.Int32:
		return node{"type": "integer", "minimum": math.MinInt32, "maximum": math.MaxInt32}
	case reflect.Int64:
		return node{"type": "integer"}
	default:
		g.t.Fatalf("no schema for %s", t)
		return nil
	}
}

// structure returns a reference to the schema of a struct.
func (g *generator) structure(t reflect.Type) node {
	name := nameOf(t)
	if g.defs[name] == nil {
		def := node{"type": "object", "additionalProperties": false}
		g.defs[name] = def // before its fields, which may have the type themselves
		def["title"] = spaced(t.Name())
		if doc := g.typeDoc(t); doc != "" {
			def["description"] = doc
		}
		properties, required := node{}, []string{}
		g.fields(t, properties, &required)
		def["properties"] = properties
		if len(required) > 0 {
			slices.Sort(required)
			def["required"] = required
		}
	}
	return node{"$ref": "#/$defs/" + name}
}

// nameOf is the name of a type: with its API group and version, unless it is ours.
func nameOf(t reflect.Type) string {
	parts := strings.Split(t.PkgPath(), "/")
	if parts[0] == "gantry" {
		return t.Name()
	}
	return strings.Join(parts[len(parts)-2:], ".") + "." + t.Name()
}

func (g *generator) fields(t reflect.Type, properties node, required *[]string) {
	for f := range t.Fields() {
		name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		switch {
		case f.Anonymous && name == "":
			g.fields(f.Type, properties, required)
			continue
		case !f.IsExported() || name == "-":
			continue
		}
		s := g.of(f.Type)
		g.limit(s, nameOf(t)+"."+name)
		s["title"] = spaced(f.Name)
		if doc := g.fieldDoc(t, f, name); doc != "" {
			s["description"] = doc
		} else {
			g.t.Errorf("%s.%s has no documentation", t, f.Name)
		}
		properties[name] = s
		if f.Type.Kind() != reflect.Pointer && !strings.Contains(options, "omitempty") && !strings.Contains(options, "omitzero") {
			*required = append(*required, name)
		}
	}
}

// limit writes into the schema of a field which numbers API servers take.
func (g *generator) limit(s node, field string) {
	for _, b := range bounds() {
		if !slices.Contains(b.fields, field) {
			continue
		}
		g.limited[field] = true
		if s["items"] != nil {
			s = s["items"].(node)
		}
		s["minimum"] = b.low
		if b.high > 0 {
			s["maximum"] = b.high
		}
	}
}

// bound is a range of numbers. Without an upper end it has that of the type.
type bound struct {
	low, high int64
	fields    []string
}

// bounds are the numbers that fields take, as validation in Kubernetes has them
// (pkg/apis/*/validation).
func bounds() []bound {
	return []bound{
		{low: 1, high: math.MaxUint16, fields: []string{
			"Port.nodePort", "Port.hostPort", "Ingress.port", "Gateway.port", "ParentRef.port", "Endpoint.nodePort",
			"core.v1.HTTPGetAction.port", "core.v1.TCPSocketAction.port", "core.v1.GRPCAction.port", "core.v1.ContainerPort.containerPort",
		}},
		{low: 0, high: math.MaxUint16, fields: []string{"core.v1.ContainerPort.hostPort"}},
		{low: 0, high: math.MaxInt32, fields: []string{
			"core.v1.PodSecurityContext.runAsUser", "core.v1.PodSecurityContext.runAsGroup", "core.v1.PodSecurityContext.fsGroup",
			"core.v1.PodSecurityContext.supplementalGroups", "core.v1.SecurityContext.runAsUser", "core.v1.SecurityContext.runAsGroup",
		}},
		{low: 1, fields: []string{
			"Autoscale.min", "Autoscale.max", "Autoscale.cpu", "Autoscale.memory",
			"core.v1.Probe.timeoutSeconds", "core.v1.Probe.periodSeconds", "core.v1.Probe.successThreshold", "core.v1.Probe.failureThreshold",
			"core.v1.TopologySpreadConstraint.maxSkew", "core.v1.TopologySpreadConstraint.minDomains", "core.v1.Probe.terminationGracePeriodSeconds",
		}},
		{low: 0, fields: []string{
			"Service.replicas", "Job.backoffLimit", "Job.completions", "Job.parallelism", "Job.activeDeadlineSeconds", "Job.ttlSecondsAfterFinished",
			"CronJob.startingDeadlineSeconds", "CronJob.successfulJobsHistoryLimit", "CronJob.failedJobsHistoryLimit",
			"core.v1.Probe.initialDelaySeconds", "Disruption.minAvailable", "Disruption.maxUnavailable",
		}},
	}
}

// spaced takes a name of Go apart: StorageClass is Storage class.
func spaced(name string) string {
	var b strings.Builder
	for i, r := range name {
		next := i+1 < len(name) && unicode.IsLower(rune(name[i+1]))
		last := i > 0 && unicode.IsLower(rune(name[i-1]))
		switch {
		case i > 0 && unicode.IsUpper(r) && (last || next):
			b.WriteByte(' ')
			if next {
				r = unicode.ToLower(r)
			}
		}
		b.WriteRune(r)
	}
	return b.String()
}

func (g *generator) typeDoc(t reflect.Type) string {
	if doc, ok := g.docs[t.Name()]; ok && nameOf(t) == t.Name() {
		return doc
	}
	return firstParagraph(swagger(t)[""])
}

func (g *generator) fieldDoc(t reflect.Type, f reflect.StructField, name string) string {
	if nameOf(t) != t.Name() {
		return firstParagraph(swagger(t)[name])
	}
	doc, ok := strings.CutPrefix(g.docs[t.Name()+"."+f.Name], f.Name+" ")
	if !ok || !strings.HasSuffix(doc, ".") {
		g.t.Errorf("the comment of %s.%s is no sentence about it", t.Name(), f.Name)
	}
	return name + " " + doc
}

// swagger returns the documentation that k8s.io/api brings along.
func swagger(t reflect.Type) map[string]string {
	m, ok := t.MethodByName("SwaggerDoc")
	if !ok {
		return nil
	}
	return m.Func.Call([]reflect.Value{reflect.Zero(t)})[0].Interface().(map[string]string)
}

func firstParagraph(doc string) string {
	doc, _, _ = strings.Cut(doc, "\n\n")
	return strings.Join(strings.Fields(doc), " ")
}

// patches is the schema of patches: what they do to the objects is checked when
// they are applied.
func (g *generator) patches() node {
	operation := node{
		"title": "Operation", "description": "An operation of a JSON patch, RFC 6902.", "type": "object", "additionalProperties": false,
		"required": []string{"op", "path"},
		"properties": node{
			"op": node{
				"title": "Operation", "description": "op is what is done.", "type": "string",
				"enum": []string{"add", "remove", "replace", "move", "copy", "test"},
			},
			"path":  node{"title": "Path", "description": "path leads to what is changed, as a JSON pointer.", "type": "string"},
			"from":  node{"title": "From", "description": "from leads to what is moved or copied.", "type": "string"},
			"value": node{"title": "Value", "description": "value is what is added, put in place or compared."},
		},
	}
	g.defs["Patches"] = node{
		"title": "Patches", "description": g.docs["Patches"], "type": "object",
		"additionalProperties": node{"anyOf": []node{{"type": "object"}, {"type": "array", "items": operation}}},
	}
	return node{"$ref": "#/$defs/Patches"}
}

// enums are the values of types of text that have few.
func enums() map[reflect.Type][]string {
	return map[reflect.Type][]string{
		reflect.TypeFor[Kind]():          {"Deployment", "StatefulSet", "DaemonSet", "Job", "CronJob"},
		reflect.TypeFor[Exposure]():      {"cluster", "nodeport", "loadbalancer", "ingress", "gateway"},
		reflect.TypeFor[StorageType]():   {"claim", "emptyDir", "hostPath", "configMap"},
		reflect.TypeFor[RoutePathType](): {"PathPrefix", "Exact", "RegularExpression"},

		reflect.TypeFor[autoscalingv2.MetricSourceType]():          {"Resource", "ContainerResource", "Pods", "Object", "External"},
		reflect.TypeFor[autoscalingv2.MetricTargetType]():          {"Utilization", "Value", "AverageValue"},
		reflect.TypeFor[autoscalingv2.ScalingPolicySelect]():       {"Max", "Min", "Disabled"},
		reflect.TypeFor[autoscalingv2.HPAScalingPolicyType]():      {"Pods", "Percent"},
		reflect.TypeFor[batchv1.ConcurrencyPolicy]():               {"Allow", "Forbid", "Replace"},
		reflect.TypeFor[corev1.ContainerRestartPolicy]():           {"Always", "Never", "OnFailure"},
		reflect.TypeFor[corev1.LimitType]():                        {"Container", "Pod", "PersistentVolumeClaim"},
		reflect.TypeFor[corev1.NodeSelectorOperator]():             {"In", "NotIn", "Exists", "DoesNotExist", "Gt", "Lt"},
		reflect.TypeFor[corev1.PersistentVolumeAccessMode]():       {"ReadWriteOnce", "ReadOnlyMany", "ReadWriteMany", "ReadWriteOncePod"},
		reflect.TypeFor[corev1.Protocol]():                         {"TCP", "UDP", "SCTP"},
		reflect.TypeFor[corev1.PullPolicy]():                       {"Always", "IfNotPresent", "Never"},
		reflect.TypeFor[corev1.ServiceAffinity]():                  {"ClientIP", "None"},
		reflect.TypeFor[corev1.ServiceExternalTrafficPolicy]():     {"Cluster", "Local"},
		reflect.TypeFor[corev1.ServiceInternalTrafficPolicy]():     {"Cluster", "Local"},
		reflect.TypeFor[corev1.TaintEffect]():                      {"NoSchedule", "PreferNoSchedule", "NoExecute"},
		reflect.TypeFor[corev1.TolerationOperator]():               {"Exists", "Equal", "Lt", "Gt"},
		reflect.TypeFor[corev1.URIScheme]():                        {"HTTP", "HTTPS"},
		reflect.TypeFor[corev1.UnsatisfiableConstraintAction]():    {"DoNotSchedule", "ScheduleAnyway"},
		reflect.TypeFor[metav1.LabelSelectorOperator]():            {"In", "NotIn", "Exists", "DoesNotExist"},
		reflect.TypeFor[networkingv1.PathType]():                   {"Prefix", "Exact", "ImplementationSpecific"},
		reflect.TypeFor[policyv1.UnhealthyPodEvictionPolicyType](): {"IfHealthyBudget", "AlwaysAllow"},
	}
}

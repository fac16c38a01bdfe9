package engine

import (
	"encoding/json"
	"slices"
	"sort"
	"strings"
	"testing"
	"text/template"

	"github.com/google/go-cmp/cmp"
	"helm.sh/helm/v3/pkg/release"
	"helm.sh/helm/v3/pkg/releaseutil"
	"sigs.k8s.io/yaml"
)

const plainDocument = `# Source: a
apiVersion: apps/v1
kind: Deployment
metadata:
  name: web # the front
  labels:
    app.kubernetes.io/name: "web"
  annotations:
    helm.sh/hook: pre-install,post-upgrade
    helm.sh/hook-weight: "-5"
    description: |
      what: it
        is
spec:
  replicas: 2
  template:
    spec:
      containers:
      - name: web
        image: "nginx:1.27"
        args: ["--listen", ':8080', serve]
        env: []
        ports:
          - containerPort: 80
            name: http
          - containerPort: -1
      volumes:
        - emptyDir: {}
          name: tmp
      nodeSelector:
`

// The look at the lines is there to spare the decoder: on what people write, it
// must not give up.
func TestLookReadsWhatPeopleWrite(t *testing.T) {
	var l look
	if !l.document(plainDocument) {
		t.Fatal("it asks the decoder")
	}
	want := head{APIVersion: "apps/v1", Kind: "Deployment", Metadata: metadata{Name: "web", Annotations: map[string]string{
		release.HookAnnotation: "pre-install,post-upgrade", release.HookWeightAnnotation: "-5",
	}}}
	if diff := cmp.Diff(want, l.head); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// FuzzHead: whatever the look at the lines accepts, the decoder accepts, and
// reads the same.
func FuzzHead(f *testing.F) {
	f.Add(plainDocument)
	for _, seed := range []string{
		"kind: A", "Kind: a", "kind: yes", "kind: 5", "a: b: c", "a:\n  b\nc", "- a\n- b", "a:\n- b: 1\n  c: 2\n-  d\ne: |\n   x\n  y\n", "a: [b, \"c\"]\nb: {}",
		"metadata:\n- a", "metadata:\n  name:\n    a: 1", "metadata:\n  annotations:\n    a: [b]", "metadata:\n  annotations:\n    a:\n    - b", "a: .inf", "a: 'b'' c'",
		"a: \"b\\\"\"", "a: |\n\n\n  b\n c", "a: |\n    \n  b", "null: a", "a:\n   b: 1\n  c: 2", "a: >-\n b: [\nc: d", "kind: A\nkind: B", "a:\n- |\n  b\n- c", "a: b\n  c: d", "a: -b",
		"a: x #\nb: c:", "a: \"x\"#b", "...", "a: --- b", "a: !b c", "a: <<b", "metadata:\n  annotations:\n    helm.sh/hook: \"test\"\n    a: b\nx: y",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		var l look
		if !l.document(text) {
			return
		}
		var want head
		if err := yaml.Unmarshal([]byte(text), &want); err != nil {
			t.Fatalf("the decoder says %v of %q", err, text)
		}
		kept := map[string]string{}
		for _, key := range []string{release.HookAnnotation, release.HookWeightAnnotation} {
			if value, ok := want.Metadata.Annotations[key]; ok {
				kept[key] = value
			}
		}
		want.Metadata.Annotations = nil
		if len(kept) > 0 {
			want.Metadata.Annotations = kept
		}
		if diff := cmp.Diff(want, l.head); diff != "" {
			t.Errorf("%q (-decoder +look):\n%s", text, diff)
		}
	})
}

// FuzzSplit: documents are separated as helm does it.
func FuzzSplit(f *testing.F) {
	for _, seed := range []string{"a\n---\nb", "---\na", "a\n---\n---\nb", "a ---\n b", "a\n----", "a\r\n---\r\nb\n", "\v\n---\n\v", "a\n---b---\n\n---\n"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		byHelm := releaseutil.SplitManifests(text)
		var keys, want []string
		for key := range byHelm {
			keys = append(keys, key)
		}
		sort.Sort(releaseutil.BySplitManifestsOrder(keys))
		for _, key := range keys {
			want = append(want, byHelm[key])
		}
		if got := split(text); !slices.Equal(got, want) {
			t.Errorf("%q\n got %q\nwant %q", text, got, want)
		}
	})
}

// FuzzYAML: values are written as helm writes them.
func FuzzYAML(f *testing.F) {
	for _, seed := range []string{
		`{"a": 1, "b": [true, null, "x: y", "1", "yes", 1.5, 1e6, 1e21, -0.0, 0.00001, 100000], "<<": {"c": "d\ne\n"}, "": " x ", "k\u2028": "\u0085\u00e9"}`,
		`["# a", "a #", "- b", "\t", "~", "0x1", "2001-01-01", "1:30", "=", "{}", "\ud83d\ude00", "\ufeff", "\u007f"]`, `"x"`, `1234567`, `{}`, `[]`, `null`,
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		var value any
		if json.Unmarshal([]byte(text), &value) != nil {
			value = map[string]any{"text": text, text: []any{text}}
		}
		data, err := yaml.Marshal(value)
		want := strings.TrimSuffix(string(data), "\n")
		if err != nil {
			want = ""
		}
		if got, err := toYAML(value); err != nil || got != want {
			t.Errorf("%q\n got %q, %v\nwant %q", text, got, err, want)
		}
	})
}

// A function that text/template adds in a later release of Go must be known to
// the parser here, too.
func TestBuiltins(t *testing.T) {
	for name := range builtins() {
		if _, err := template.New("").Parse("{{ " + name + " }}"); err != nil && strings.Contains(err.Error(), "not defined") {
			t.Errorf("%s is no function of text/template", name)
		}
	}
}

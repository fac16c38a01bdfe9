package lint

import (
	"net/mail"
	"net/url"
	"strings"

	"github.com/Masterminds/semver/v3"
	"helm.sh/helm/v3/pkg/chart"
	"sigs.k8s.io/yaml"

	"gantry/charts/diag"
)

// metadataFile says what a chart is.
const metadataFile = "Chart.yaml"

// metadata finds what helm does not take in Chart.yaml, beyond what keeps a chart from
// being read.
func metadata(s *subject) diag.List {
	m := s.chart.Metadata
	var list diag.List
	wrong := func(key, summary string) {
		d := diag.Diagnostic{Severity: diag.Error, Pos: find(s.chart, metadataFile, diag.Path{key}), Path: diag.Path{key}, Code: "lint-metadata", Summary: summary}
		list.Add(d)
	}
	if m.APIVersion != chart.APIVersionV1 && m.APIVersion != chart.APIVersionV2 {
		wrong("apiVersion", "helm knows v1 and v2")
	}
	if v, err := semver.NewVersion(m.Version); err == nil && !v.GreaterThan(semver.New(0, 0, 0, "0", "")) {
		wrong("version", "has to be above 0.0.0-0")
	}
	for _, key := range notStrings(s) {
		wrong(key, "is no string: put it in quotes, so that YAML does not change it")
	}
	for _, by := range m.Maintainers {
		if problem := ofMaintainer(by); problem != "" {
			wrong("maintainers", problem)
		}
	}
	for _, source := range m.Sources {
		if !isURL(source) {
			wrong("sources", "not a URL: "+source)
		}
	}
	switch {
	case m.Icon == "":
		list.Add(diag.Diagnostic{Severity: diag.Note, Pos: diag.Pos{File: metadataFile}, Code: "lint-metadata", Summary: "icon is recommended"})
	case !isURL(m.Icon):
		wrong("icon", "not a URL: "+m.Icon)
	}
	if m.APIVersion == chart.APIVersionV1 {
		for _, key := range []string{"type", "dependencies"} {
			if at := child(mapping(s.chart, metadataFile), key); at != nil && (at.Value != "" || len(at.Content) > 0) {
				wrong(key, "is read in charts of apiVersion v2 only")
			}
		}
	}
	return list
}

// notStrings returns the keys of Chart.yaml that hold numbers, dates or booleans where
// a text is meant. They are read as helm reads them: which words are booleans differs
// between the versions of YAML.
func notStrings(s *subject) []string {
	var fields map[string]any
	for _, f := range s.chart.Raw {
		if f.Name == metadataFile && yaml.Unmarshal(f.Data, &fields) != nil {
			return nil
		}
	}
	var keys []string
	for _, key := range []string{"version", "appVersion"} {
		if _, ok := fields[key].(string); !ok && fields[key] != nil {
			keys = append(keys, key)
		}
	}
	return keys
}

// ofMaintainer returns what is wrong with a maintainer.
func ofMaintainer(m *chart.Maintainer) string {
	switch {
	case m.Name == "":
		return "a maintainer has no name"
	case m.Email != "" && !isEmail(m.Email):
		return "not an email address: " + m.Email
	case m.URL != "" && !isURL(m.URL) && !isURL("https://"+m.URL):
		return "not a URL: " + m.URL
	default:
		return ""
	}
}

// isEmail reports whether a text is an address, without the name of a person.
func isEmail(text string) bool {
	a, err := mail.ParseAddress(text)
	return err == nil && a.Address == text
}

// isURL reports whether a text is a URL with a scheme; one of the web has a host.
func isURL(text string) bool {
	u, err := url.ParseRequestURI(text)
	return err == nil && u.Scheme != "" && (u.Host != "" || !strings.HasPrefix(u.Scheme, "http"))
}

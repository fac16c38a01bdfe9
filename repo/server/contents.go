package server

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"

	"helm.sh/helm/v3/pkg/chart"

	"gantry/charts/diag"
	"gantry/repo/blob"
	"gantry/repo/pages"
)

// valuesFile holds the defaults of a chart.
const valuesFile = "values.yaml"

// maxContents is how much of a chart's contents is sent at once. An answer is in memory
// until the client has taken it, however slowly.
const maxContents = 8 << 20

// apiValues sends values.yaml as its author wrote it.
func (s *Server) apiValues(w http.ResponseWriter, r *http.Request) error {
	return s.contents(w, r, "application/yaml", func(c *chart.Chart) ([]byte, error) {
		i := slices.IndexFunc(c.Raw, func(f *chart.File) bool { return f.Name == valuesFile })
		if i < 0 {
			return nil, &problem{
				Status: http.StatusNotFound, Code: "values-not-found", Message: c.Name() + " " + c.Metadata.Version + " has no " + valuesFile,
				Hint: "it has no defaults",
			}
		}
		return c.Raw[i].Data, nil
	})
}

// apiTemplates sends the templates of a chart, without those of the charts in it, and
// its defaults.
func (s *Server) apiTemplates(w http.ResponseWriter, r *http.Request) error {
	type template struct {
		Name string `json:"name"`
		// Data is Base64 on the way.
		Data []byte `json:"data"`
	}
	return s.contents(w, r, "application/json", func(c *chart.Chart) ([]byte, error) {
		shown := struct {
			Templates []template     `json:"templates"`
			Values    map[string]any `json:"values"`
		}{[]template{}, c.Values}
		if shown.Values == nil {
			shown.Values = map[string]any{}
		}
		size := 0
		for _, f := range c.Templates {
			// Before they are in memory as text, too.
			if size += base64.StdEncoding.EncodedLen(len(f.Data)); size > maxContents {
				return nil, contentsTooLarge(size)
			}
			shown.Templates = append(shown.Templates, template{f.Name, f.Data})
		}
		text, err := json.Marshal(shown)
		return append(text, '\n'), err
	})
}

// contents sends something of what a chart holds.
func (s *Server) contents(w http.ResponseWriter, r *http.Request, kind string, of func(*chart.Chart) ([]byte, error)) error {
	snap := s.shown(r.Context())
	seg, i, err := lookupMeant(snap, r.PathValue("name"), r.PathValue("version"))
	if err != nil {
		return err
	}
	body, err := s.take(r, library{snap, s}, seg.shard.Chart, seg.shard.Versions[i].Version, of)
	if err != nil {
		return err
	}
	if len(body) > maxContents {
		return contentsTooLarge(len(body))
	}
	writeText(w, kind, body)
	return nil
}

func contentsTooLarge(size int) *problem {
	return &problem{
		Status: http.StatusUnprocessableEntity, Code: "contents-too-large",
		Message: fmt.Sprintf("it is %s or more, and no more than %s is sent so", diag.Size(int64(size)), diag.Size(maxContents)),
		Hint:    "download the archive, which is below /charts/",
	}
}

// take unpacks a chart for as long as something of it is made.
func (s *Server) take(r *http.Request, l library, name, version string, of func(*chart.Chart) ([]byte, error)) ([]byte, error) {
	done, err := s.load(r.Context())
	if err != nil {
		return nil, err
	}
	defer done()
	c, err := pages.Load(r.Context(), l, name, version)
	switch broken, ok := errors.AsType[*pages.BrokenError](err); {
	case ok:
		return nil, &problem{
			Status: http.StatusInternalServerError, Code: "content-damaged", Message: broken.Error(),
			Hint: "its operator must put it back, or delete the version and publish it again; gantry repo fsck finds all that is damaged",
		}
	case errors.Is(err, blob.ErrNotFound):
		p := chartNotFound("the content of "+name+" "+version+" is gone from the storage", "its operator must put it back or delete the version")
		p.cause = err
		return nil, p
	case err != nil:
		return nil, err
	}
	return of(c)
}

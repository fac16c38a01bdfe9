package extension

import (
	"bytes"
	_ "embed"
	"errors"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/robfig/cron/v3"
	"github.com/santhosh-tekuri/jsonschema/v6"
	"k8s.io/apimachinery/pkg/api/resource"

	"gantry/convert/schema"
)

//go:embed schema.json
var schemaJSON []byte

// Schema returns the JSON schema of the extension: of a Compose file with
// x-kubernetes wherever it may stand.
func Schema() []byte { return bytes.Clone(schemaJSON) }

const schemaURL = "x-kubernetes.schema.json"

// compiled returns the schema of one kind of extension. It is built once: the
// schema never changes.
//
//nolint:gochecknoglobals // an immutable value that is expensive to compute
var compiler = sync.OnceValues(func() (func(kind string) (*jsonschema.Schema, error), error) {
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(schemaJSON))
	if err != nil {
		return nil, err
	}
	c := jsonschema.NewCompiler()
	for _, f := range formats() {
		c.RegisterFormat(&f)
	}
	c.AssertFormat()
	if err := c.AddResource(schemaURL, doc); err != nil {
		return nil, err
	}
	var lock sync.Mutex
	return func(kind string) (*jsonschema.Schema, error) {
		lock.Lock()
		defer lock.Unlock()
		return c.Compile(schemaURL + "#/$defs/" + kind)
	}, nil
})

func compiled(kind string) (*jsonschema.Schema, error) {
	compile, err := compiler()
	if err != nil {
		return nil, err
	}
	return compile(kind)
}

// formats are the forms of text that JSON schema does not know.
func formats() []jsonschema.Format {
	text := func(name string, check func(string) error) jsonschema.Format {
		return jsonschema.Format{Name: name, Validate: func(v any) error {
			if s, ok := v.(string); ok {
				return check(s)
			}
			return nil
		}}
	}
	return []jsonschema.Format{
		text("quantity", func(s string) error {
			_, err := resource.ParseQuantity(s)
			return err
		}),
		text("schedule", func(s string) error {
			if strings.Contains(s, "TZ=") {
				return errors.New("the time zone is a field of its own")
			}
			_, err := cron.ParseStandard(s)
			return err
		}),
		text("timezone", func(s string) error {
			_, err := time.LoadLocation(s)
			return err
		}),
	}
}

// words are those in which the schema is spoken of.
func words(spec *jsonschema.Schema) schema.Words {
	return schema.Words{
		Unknown: "is not a field of x-kubernetes here",
		Known: func(path []string) []string {
			return slices.Sorted(maps.Keys(below(spec, path).Properties))
		},
		Otherwise: func([]string, string) string { return "see its fields with: gantry explain x-kubernetes" },
		Formats: map[string]string{
			"quantity": "write a number and a unit, such as 500m, 256Mi or 10Gi",
			"schedule": `write minute, hour, day, month and weekday, such as "30 4 * * *"`,
			"timezone": "write a name of the IANA list, such as Europe/Berlin",
		},
	}
}

// below returns the schema of what a path leads to, an empty one where there is
// none.
func below(s *jsonschema.Schema, path []string) *jsonschema.Schema {
	for _, key := range path {
		s = field(s, key)
	}
	return target(s)
}

// target follows a reference. Of alternatives, the mapping is the one with fields.
func target(s *jsonschema.Schema) *jsonschema.Schema {
	for s != nil && s.Ref != nil {
		s = s.Ref
	}
	if s == nil {
		return &jsonschema.Schema{}
	}
	for _, one := range s.AnyOf {
		if one = target(one); one.Properties != nil {
			return one
		}
	}
	return s
}

// field returns the schema of a field or an item, or nil.
func field(s *jsonschema.Schema, key string) *jsonschema.Schema {
	s = target(s)
	if f, ok := s.Properties[key]; ok {
		return f
	}
	if more, ok := s.AdditionalProperties.(*jsonschema.Schema); ok {
		return more
	}
	return s.Items2020
}

// cast makes numbers and truths of text, where the schema has them: text is what
// variables are filled with.
func cast(value any, s *jsonschema.Schema) any {
	switch v := value.(type) {
	case map[string]any:
		for key, e := range v {
			v[key] = cast(e, field(s, key))
		}
	case []any:
		for i, e := range v {
			v[i] = cast(e, field(s, ""))
		}
	case string:
		return castText(v, target(s))
	}
	return value
}

func castText(text string, s *jsonschema.Schema) any {
	if s.Types == nil {
		return text
	}
	switch want := s.Types.ToStrings(); {
	case len(want) != 1:
	case want[0] == "integer":
		if n, err := strconv.ParseInt(text, 10, 64); err == nil {
			return n
		}
	case want[0] == "boolean":
		if b, err := strconv.ParseBool(text); err == nil {
			return b
		}
	}
	return text
}

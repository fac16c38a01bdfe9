package extension

import (
	"strings"
	"testing"
)

// TestYoungFields wants a field of the schema for each row, and versions for which
// objects are made, or newer ones that the types have already.
func TestYoungFields(t *testing.T) {
	compile, err := compiler()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range youngFields() {
		i := strings.LastIndexByte(f.field, '.')
		spec, err := compile(f.field[:i])
		if err != nil {
			t.Errorf("there is no type %s: %v", f.field[:i], err)
			continue
		}
		if spec.Properties[f.field[i+1:]] == nil {
			t.Errorf("there is no field %s", f.field)
		}
		if f.minor < 30 || f.minor > 37 {
			t.Errorf("%s: 1.%d is no version in which a field came", f.field, f.minor)
		}
	}
}

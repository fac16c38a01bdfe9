package bump

import (
	"fmt"
	"slices"

	"gantry/charts/compare"
	"gantry/charts/diag"
)

// value is a default that differs, or several below one key that come or go
// together.
type value struct {
	compare.Field

	// count is how many there are; the path is the key above them when there are
	// several.
	count int
}

// few is how many values below one key are told one by one.
const few = 2

// values gathers the values that come or go together: who adds a group adds one
// thing.
func values(fields []compare.Field) []value {
	type group struct {
		change compare.Kind
		path   string
	}
	of := func(f compare.Field) (group, diag.Path) {
		above := f.Path[:min(2, len(f.Path)-1)]
		return group{f.Change, above.String()}, above
	}
	count, told := map[group]int{}, map[group]bool{}
	for _, f := range fields {
		g, _ := of(f)
		count[g]++
	}
	var list []value
	for _, f := range fields {
		g, above := of(f)
		switch n := count[g]; {
		case f.Change == compare.Altered || len(above) == 0 || n <= few:
			list = append(list, value{f, 1})
		case !told[g]:
			told[g] = true
			list = append(list, value{compare.Field{Path: above, Change: f.Change}, n})
		}
	}
	return list
}

// says tells of one value or of several.
func (v value) says(one, several string) string {
	if v.count == 1 {
		return fmt.Sprintf(one, v.Path)
	}
	return fmt.Sprintf(several, v.count, v.Path)
}

// valueRules judge the default values.
func valueRules() []rule[value] {
	return []rule[value]{
		{Rule{"value-removed", Major, "a value is gone: who sets it gets something else without a word, or an error", compare.Removed}, func(v value) string {
			if v.Change != compare.Removed {
				return ""
			}
			return v.says("the value %s is gone", "%d values below %s are gone")
		}},
		{Rule{"value-type", Major, "a value is of another type: what people give no longer fits", compare.Altered}, func(v value) string {
			was, now := typeOf(v.Before), typeOf(v.After)
			if v.Change != compare.Altered || was == "" || now == "" || was == now {
				return ""
			}
			return fmt.Sprintf("the value %s is %s, was %s", v.Path, now, was)
		}},
		{Rule{"value-added", Minor, "there is a new value", compare.Added}, func(v value) string {
			if v.Change != compare.Added {
				return ""
			}
			return v.says("there is a value %s", "there are %d values below %s")
		}},
		{Rule{"default-changed", Patch, "a value has another default", compare.Altered}, func(v value) string {
			return "the default of " + v.String()
		}},
	}
}

// typeOf names the type of a value as templates tell them apart; "" for none.
func typeOf(v any) string {
	switch v.(type) {
	case nil:
		return ""
	case map[string]any:
		return "a mapping"
	case []any:
		return "a list"
	case bool:
		return "true or false"
	default:
		return "a text or a number"
	}
}

// schemaRules judge what values.schema.json accepts.
func schemaRules() []rule[compare.SchemaChange] {
	of := func(effect compare.Effect) func(compare.SchemaChange) string {
		return func(c compare.SchemaChange) string {
			if c.Effect != effect {
				return ""
			}
			return "the schema of " + c.String()
		}
	}
	return []rule[compare.SchemaChange]{
		{Rule{"schema-narrower", Major, "the schema refuses values that it accepted", compare.Altered}, of(compare.Narrower)},
		{Rule{"schema-unclear", Major, "the schema differs in a rule that cannot be weighed, and may refuse values that it accepted", compare.Altered}, of(compare.Unclear)},
		{Rule{"schema-wider", Minor, "the schema accepts more", compare.Altered}, of(compare.Wider)},
	}
}

// unmentioned leaves out the keys of a schema that come or go together with a
// default, which is a reason of its own.
func unmentioned(schema []compare.SchemaChange, values []compare.Field) []compare.SchemaChange {
	return slices.DeleteFunc(slices.Clone(schema), func(c compare.SchemaChange) bool {
		return c.Rule == "properties" && slices.ContainsFunc(values, func(f compare.Field) bool {
			return f.Change != compare.Altered && (below(f.Path, c.Path) || below(c.Path, f.Path))
		})
	})
}

// below reports whether a path is another, or lies below it.
func below(path, above diag.Path) bool {
	return len(path) >= len(above) && slices.Equal(path[:len(above)], above)
}

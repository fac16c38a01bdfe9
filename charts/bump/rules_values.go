package bump

import (
	"fmt"
	"slices"

	"gantry/charts/compare"
	"gantry/charts/diag"
)

// valueRules judge the default values.
func valueRules() []rule[compare.Field] {
	return []rule[compare.Field]{
		{Rule{"value-removed", Major, "a value is gone: who sets it gets something else without a word, or an error", compare.Removed}, func(f compare.Field) string {
			if f.Change != compare.Removed {
				return ""
			}
			return fmt.Sprintf("the value %s is gone", f.Path)
		}},
		{Rule{"value-type", Major, "a value is of another type: what people give no longer fits", compare.Altered}, func(f compare.Field) string {
			was, now := typeOf(f.Before), typeOf(f.After)
			if f.Change != compare.Altered || was == "" || now == "" || was == now {
				return ""
			}
			return fmt.Sprintf("the value %s is %s, was %s", f.Path, now, was)
		}},
		{Rule{"value-added", Minor, "there is a new value", compare.Added}, func(f compare.Field) string {
			if f.Change != compare.Added {
				return ""
			}
			return fmt.Sprintf("there is a value %s", f.Path)
		}},
		{Rule{"default-changed", Patch, "a value has another default", compare.Altered}, func(f compare.Field) string {
			return "the default of " + f.String()
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

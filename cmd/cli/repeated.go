package cli

import "strings"

// repeated is a flag that can be given several times. pflag has one, too, but
// prepares to write CSV with each, 4 KB for every one of the many that the commands
// have in common, whenever gantry starts.
type repeated struct {
	values *[]string
	// given is set from the first time on: what was there before is the default.
	given bool
}

// Set adds a value.
func (r *repeated) Set(value string) error {
	if !r.given {
		*r.values, r.given = nil, true
	}
	return r.Append(value)
}

// Append adds a value to those that are there.
func (r *repeated) Append(value string) error {
	*r.values = append(*r.values, value)
	return nil
}

// Replace takes the place of all values.
func (r *repeated) Replace(values []string) error {
	*r.values = append([]string(nil), values...)
	return nil
}

// GetSlice returns the values.
func (r *repeated) GetSlice() []string { return append([]string(nil), *r.values...) }

// String returns the values for people.
func (r *repeated) String() string { return strings.Join(*r.values, ",") }

// Type is what helps say the flag takes, and what shells know it by.
func (r *repeated) Type() string { return "stringArray" }

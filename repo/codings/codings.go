package codings

import (
	"strconv"
	"strings"
)

// Names of codings (RFC 9110, section 8.4.1, and RFC 8878).
const (
	Gzip = "gzip"
	Zstd = "zstd"
)

// Weight reads the lines of Accept-Encoding as RFC 9110 has it (section 12.5.3): the
// weight of a coding, and 0 where it is not wanted, or what is said of it cannot be read.
// A coding that is not named is not sent, even where the client takes anything.
func Weight(lines []string, coding string) float64 {
	for _, line := range lines {
		for part := range strings.SplitSeq(line, ",") {
			named, params, _ := strings.Cut(part, ";")
			if strings.EqualFold(trim(named), coding) {
				return quality(params)
			}
		}
	}
	return 0
}

// trim takes away the white space of a header.
func trim(text string) string { return strings.Trim(text, " \t") }

// quality finds the weight among what is said of a coding. Codings have no parameters, so
// what else is there means nothing.
func quality(params string) float64 {
	for param := range strings.SplitSeq(params, ";") {
		name, value, _ := strings.Cut(param, "=")
		if strings.EqualFold(trim(name), "q") {
			return weight(trim(value))
		}
	}
	return 1
}

// weight reads a number between 0 and 1 with three digits behind the point at most, and
// nothing else that is called a number elsewhere.
func weight(text string) float64 {
	whole, part, _ := strings.Cut(text, ".")
	if whole != "0" && whole != "1" || len(part) > 3 || strings.Trim(part, "0123456789") != "" {
		return 0
	}
	q, err := strconv.ParseFloat(text, 64)
	if err != nil || q > 1 {
		return 0
	}
	return q
}

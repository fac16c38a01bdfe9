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
// weight of a coding, and 0 where it is not wanted. A coding that is not named is not
// sent, even where the client takes anything.
func Weight(lines []string, coding string) float64 {
	for _, line := range lines {
		for part := range strings.SplitSeq(line, ",") {
			named, params, _ := strings.Cut(part, ";")
			if strings.EqualFold(strings.TrimSpace(named), coding) {
				return quality(params)
			}
		}
	}
	return 0
}

// quality reads the weight among the parameters of a coding.
func quality(params string) float64 {
	if params == "" {
		return 1
	}
	q, ok := strings.CutPrefix(strings.ReplaceAll(params, " ", ""), "q=")
	if !ok {
		return 1
	}
	weight, err := strconv.ParseFloat(q, 64)
	if err != nil {
		return 0
	}
	return weight
}

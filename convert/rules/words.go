package rules

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"gantry/charts/diag"
)

// word is a key whose value is one of a few words that the schema of Compose does
// not list. Docker would refuse any other when it starts the container.
type word struct {
	key   []string
	value string
	// known are the words. A name belongs behind one that ends in a colon.
	known []string
}

// words reports values that mean nothing: the rules read them as if they were not
// there.
func (u *unit) words() {
	d := u.deploy()
	policy, tries, limited := strings.Cut(u.in.Restart, ":")
	words := []word{
		{[]string{"network_mode"}, u.in.NetworkMode, []string{"bridge", "default", "host", "none", "service:", "container:"}},
		{[]string{"ipc"}, u.in.Ipc, []string{"host", "none", "private", "shareable", "service:", "container:"}},
		{[]string{"pid"}, u.in.Pid, []string{"host", "private", "service:", "container:"}},
		{[]string{"userns_mode"}, u.in.UserNSMode, []string{"host", "private"}},
		{[]string{"restart"}, policy, []string{"always", "no", "on-failure", "unless-stopped"}},
		{[]string{"deploy", "mode"}, d.Mode, []string{"global", "global-job", "replicated", "replicated-job"}},
		{[]string{"deploy", "endpoint_mode"}, d.EndpointMode, []string{"dnsrr", "vip"}},
	}
	if p := d.RestartPolicy; p != nil {
		words = append(words, word{[]string{"deploy", "restart_policy", "condition"}, p.Condition, []string{"any", "none", "on-failure", "always", "no", "unless-stopped"}})
	}
	for _, w := range words {
		if w.value != "" && !slices.ContainsFunc(w.known, w.is) {
			u.warn(finding{
				code:    "unknown-word",
				summary: fmt.Sprintf("%q is none of %s: it is left out", w.value, strings.ReplaceAll(strings.Join(w.known, ", "), ":", ":NAME")),
				hint:    diag.DidYouMean(w.value, w.known),
			}, w.key...)
		}
	}
	if n, err := strconv.Atoi(tries); limited && (err != nil || n < 0) {
		u.warn(finding{code: "unknown-word", summary: fmt.Sprintf("%q is no number of attempts: there is no limit", tries), hint: "write on-failure:5"}, "restart")
	}
}

// is reports whether the value is a known word.
func (w word) is(known string) bool {
	return w.value == known || strings.HasSuffix(known, ":") && len(w.value) > len(known) && strings.HasPrefix(w.value, known)
}

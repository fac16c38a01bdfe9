package cli

import (
	"testing"

	"gantry/charts/live"
)

func TestPorts(t *testing.T) {
	for _, test := range []struct {
		want string
		list []live.Port
	}{
		{"-", nil},
		{"80", []live.Port{{Published: 80, Target: 80, Protocol: "TCP"}}},
		{"8080->80, 8443->443", []live.Port{
			{Published: 80, Target: 80, Protocol: "TCP"},
			{Published: 443, Target: 443, Protocol: "TCP"},
			{Published: 8080, Target: 80, Protocol: "TCP"},
			{Published: 8443, Target: 443, Protocol: "TCP"},
		}},
		{"53, 5353->53/udp", []live.Port{{Published: 53, Target: 53, Protocol: "TCP"}, {Published: 5353, Target: 53, Protocol: "UDP"}}},
	} {
		if got := ports(test.list); got != test.want {
			t.Errorf("the ports %v are printed as %q, want %q", test.list, got, test.want)
		}
	}
}

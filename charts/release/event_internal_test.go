package release

import "testing"

func TestEvents(t *testing.T) {
	web := Object{Kind: "Deployment", Name: "web"}
	tests := []struct {
		event Event
		want  string
	}{
		{Event{Action: Created, Object: web}, "created Deployment web"},
		{Event{Action: Kept, Object: web, Detail: "why"}, "kept Deployment web: why"},
		{Event{Action: Waiting, Ready: 2, Total: 5, Detail: "Deployment web: 0/1"}, "waiting: 2 of 5 ready: Deployment web: 0/1"},
		{Event{Action: HookStarted, Object: Object{Kind: "Job", Name: "migrate"}}, "running hook Job migrate"},
		{Event{Action: Warned, Detail: "old API"}, "warning: old API"},
		{Event{Action: Doing, Detail: "going back"}, "going back"},
	}
	for _, test := range tests {
		if got := test.event.String(); got != test.want {
			t.Errorf("got %q, want %q", got, test.want)
		}
	}
}

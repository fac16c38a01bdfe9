package cli

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"gantry/charts/release"
)

func TestUnfinished(t *testing.T) {
	t.Parallel()
	r := &release.Release{Name: "shop", Namespace: "prod", Revision: 3}
	for _, test := range []struct {
		err  error
		r    *release.Release
		want string
	}{
		{context.Canceled, r, "what was done until then stays, as revision 3; go on with: gantry up, or gantry upgrade shop CHART -n prod"},
		{context.Canceled, nil, ""}, // nothing was done
		{errors.New("refused"), r, ""},
		{fmt.Errorf("back: %w", &release.UndoneError{Err: context.Canceled}), r, ""},
	} {
		if got := hintFor(unfinished(test.err, test.r)); got != test.want {
			t.Errorf("%v: got %q, want %q", test.err, got, test.want)
		}
	}
}

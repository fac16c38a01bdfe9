package compose

import (
	"errors"
	"fmt"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"

	"gantry/charts/diag"
)

// amounts reports durations and sizes that cannot be read: the schema takes any
// text for one.
func (c *checker) amounts(o *origin, path diag.Path) {
	duration := amount{"duration", "write a number and a unit, such as 30s or 1m30s", func(text string) error {
		var d types.Duration
		if err := d.DecodeMapstructure(text); err != nil || d >= 0 {
			return err
		}
		return errors.New("is below 0")
	}}
	size := amount{"size", "write a number and a unit, such as 512m or 2g", func(text string) error {
		var b types.UnitBytes
		return b.DecodeMapstructure(text)
	}}
	for _, key := range durations() {
		c.amount(o, path, key, duration)
	}
	for _, key := range sizes() {
		c.amount(o, path, key, size)
	}
}

// amount is a kind of number with a unit.
type amount struct {
	what, hint string
	parse      func(string) error
}

func (c *checker) amount(o *origin, path diag.Path, key string, want amount) {
	keys := strings.Split(key, ".")
	at := o.get(keys...)
	if at == nil || at.text == "" || want.parse(at.text) == nil {
		return
	}
	c.fail(at, append(path, keys...), codeValue, fmt.Sprintf("%q is no %s", at.text, want.what), want.hint)
}

func durations() []string {
	return []string{
		"healthcheck.interval", "healthcheck.timeout", "healthcheck.start_period", "healthcheck.start_interval", "stop_grace_period",
		"deploy.update_config.delay", "deploy.update_config.monitor", "deploy.rollback_config.delay", "deploy.rollback_config.monitor",
		"deploy.restart_policy.delay", "deploy.restart_policy.window",
	}
}

func sizes() []string {
	return []string{
		"mem_limit", "mem_reservation", "memswap_limit", "shm_size", "build.shm_size",
		"deploy.resources.limits.memory", "deploy.resources.reservations.memory",
	}
}

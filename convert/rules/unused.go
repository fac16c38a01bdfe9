package rules

import (
	"maps"
	"slices"

	"github.com/compose-spec/compose-go/v2/types"

	"gantry/charts/diag"
)

// reportUnused names what the top level defines and no service or job uses, not
// even one whose profile is inactive: nothing is created for it.
func (a *app) reportUnused() {
	used := usage{}
	for _, services := range []types.Services{a.project.Services, a.project.DisabledServices} {
		for _, s := range services {
			used.container(&s.ContainerSpec)
			used.build(s.Build)
			for _, hook := range s.PreStart {
				used.container(&hook.ContainerSpec)
			}
		}
	}
	for _, jobs := range []types.Jobs{a.project.Jobs, a.project.DisabledJobs} {
		for _, j := range jobs {
			used.container(&j.ContainerSpec)
			used.build(j.Build)
		}
	}
	for section, names := range map[string][]string{
		"networks": slices.Collect(maps.Keys(a.project.Networks)),
		"volumes":  slices.Collect(maps.Keys(a.project.Volumes)),
		"configs":  slices.Collect(maps.Keys(a.project.Configs)),
		"secrets":  slices.Collect(maps.Keys(a.project.Secrets)),
		"models":   slices.Collect(maps.Keys(a.project.Models)),
	} {
		for _, name := range names {
			if !used[section+" "+name] {
				a.report(diag.Note, finding{code: "unused", summary: "is used by no service: nothing is created for it"}, diag.Path{section, name})
			}
		}
	}
}

// usage is what containers use of the top level, by section and name.
type usage map[string]bool

func (u usage) container(c *types.ContainerSpec) {
	for name := range c.Networks {
		u["networks "+name] = true
	}
	for _, v := range c.Volumes {
		u["volumes "+v.Source] = true
	}
	for name := range c.Models {
		u["models "+name] = true
	}
	for _, f := range c.Configs {
		u["configs "+f.Source] = true
	}
	for _, f := range c.Secrets {
		u["secrets "+f.Source] = true
	}
	if c.CredentialSpec != nil {
		u["configs "+c.CredentialSpec.Config] = true
	}
}

func (u usage) build(b *types.BuildConfig) {
	if b == nil {
		return
	}
	for _, f := range b.Secrets {
		u["secrets "+f.Source] = true
	}
}

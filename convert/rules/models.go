package rules

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"

	"gantry/charts/diag"
)

// modelProvider is the type of a provider that runs a model: what models: was
// before Compose had the word.
const modelProvider = "model"

// modelVariables returns the environment of a container with the variables that
// say where its models are and what they are called. Docker sets them over those
// of the same name.
func (u *unit) modelVariables() types.MappingWithEquals {
	env := types.MappingWithEquals{}
	maps.Copy(env, u.in.Environment)
	set := func(model, prefix, endpointVar, nameVar, name string) {
		setDefault(&endpointVar, prefix+"_URL")
		setDefault(&nameVar, prefix+"_MODEL")
		for _, name := range []string{endpointVar, nameVar} {
			if _, set := env[name]; set {
				u.note(finding{code: "variable-model", summary: fmt.Sprintf("is set to what belongs to the model %q, as Docker does", model)}, "environment", name)
			}
		}
		env[endpointVar], env[nameVar] = new(u.modelEndpoint(model)), &name
	}
	for _, model := range slices.Sorted(maps.Keys(u.in.Models)) {
		var variables types.ServiceModelConfig
		if given := u.in.Models[model]; given != nil {
			variables = *given
		}
		set(model, variablePrefix(model), variables.EndpointVariable, variables.ModelVariable, u.project.Models[model].Model)
	}
	for dependency := range u.in.DependsOn {
		if name, ok := providedModel(u.project.Services[dependency]); ok {
			set(dependency, variablePrefix(dependency), "", "", name)
		}
	}
	return env
}

// variablePrefix begins the names of a model's variables, as Compose builds them.
func variablePrefix(model string) string {
	return strings.ReplaceAll(strings.ToUpper(model), "-", "_")
}

// providedModel returns the model that a service stands for.
func providedModel(service types.ServiceConfig) (string, bool) {
	if p := service.Provider; p != nil && p.Type == modelProvider && len(p.Options["model"]) > 0 {
		return p.Options["model"][0], true
	}
	return "", false
}

// modelEndpoint returns the address of a model. Nothing in a cluster runs models
// by itself: where the user gives no address, it is that of a Service with the
// model's name, which reportModels says must exist.
func (a *app) modelEndpoint(model string) string {
	if url := a.opts.ModelEndpoints[model]; url != "" {
		return url
	}
	return "http://" + objectName(model) + "/v1"
}

// reportModels tells of the models that somebody must run.
func (a *app) reportModels() {
	for _, model := range slices.Sorted(maps.Keys(a.project.Models)) {
		a.missingModel(model, diag.Path{"models", model})
	}
}

func (a *app) missingModel(model string, path diag.Path) {
	if a.opts.ModelEndpoints[model] != "" {
		return
	}
	a.report(diag.Warning, finding{
		code:    "model-endpoint",
		summary: "is run by nobody here: containers look for it at " + a.modelEndpoint(model),
		hint:    fmt.Sprintf("run a server with the API of OpenAI there, or pass --model-endpoint %s=URL", model),
	}, path)
}

// provider reports a service that a plugin of Docker Compose runs.
func (a *app) provider(name string, service types.ServiceConfig) {
	path := diag.Path{"services", name, "provider"}
	if _, ok := providedModel(service); ok {
		a.missingModel(name, path)
		return
	}
	a.report(diag.Warning, finding{
		code:    "provider",
		summary: fmt.Sprintf("is run by the plugin %q of Docker Compose: nothing is created for it, and what depends on it lacks the variables %s_…", service.Provider.Type, variablePrefix(name)),
		hint:    "set these variables under environment to what the cluster has in its place",
	}, path)
}

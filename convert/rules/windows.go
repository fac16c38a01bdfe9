package rules

import (
	"fmt"
	"path"
	"path/filepath"

	"github.com/compose-spec/compose-go/v2/types"
	corev1 "k8s.io/api/core/v1"

	"gantry/charts/diag"
)

// maxCredentialSpec is the longest credential spec that a pod takes (Kubernetes,
// validation of windowsOptions).
const maxCredentialSpec = 64 << 10

// credentialSpec maps the account under which a container of Windows runs. What a
// file or config says of it goes into the pod; the registry of a node is only
// there.
func (u *unit) credentialSpec() {
	spec := u.in.CredentialSpec
	if spec == nil {
		return
	}
	options := &corev1.WindowsSecurityContextOptions{}
	var name string
	switch {
	case spec.Config != "":
		name = spec.Config
		options.GMSACredentialSpec = u.credentialConfig(spec.Config)
	case spec.File != "":
		name = path.Base(filepath.ToSlash(spec.File))
		options.GMSACredentialSpec = u.credentialFile(spec.File)
	default:
		name = spec.Registry
	}
	name = objectName(name)
	options.GMSACredentialSpecName = &name
	u.containerSecurity().WindowsOptions = options
	u.warn(finding{
		code:    "credential-spec",
		summary: fmt.Sprintf("needs nodes with Windows and a GMSACredentialSpec %s, which the pod's ServiceAccount may use", name),
		hint:    "https://kubernetes.io/docs/tasks/configure-pod-container/configure-gmsa/",
	}, "credential_spec")
}

func (u *unit) credentialConfig(name string) *string {
	config, ok := u.project.Configs[name]
	if !ok {
		u.fail(finding{code: "undefined", summary: fmt.Sprintf("there is no config %q", name), hint: "define it at the top level"}, "credential_spec", "config")
		return nil
	}
	f := fileObject{section: "configs", name: name, config: types.FileObjectConfig(config)}
	data, ok := u.content(f, u.dataName(f), diag.Path{"configs", name})
	if !ok {
		return nil
	}
	return u.credentials(data, "config")
}

func (u *unit) credentialFile(name string) *string {
	if !filepath.IsAbs(name) {
		name = filepath.Join(u.project.WorkingDir, name)
	}
	data, err := u.readFile(name)
	if err != nil {
		u.unread(name, err, u.at("credential_spec", "file"))
		return nil
	}
	return u.credentials(data, "file")
}

func (u *unit) credentials(data []byte, key string) *string {
	if len(data) == 0 || len(data) > maxCredentialSpec {
		u.fail(finding{
			code: "credential-spec", summary: fmt.Sprintf("has %d bytes, and a pod takes 1 to %d", len(data), maxCredentialSpec), hint: "check that it is a credential spec",
		}, "credential_spec", key)
		return nil
	}
	return new(string(data))
}

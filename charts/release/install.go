package release

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"helm.sh/helm/v3/pkg/action"
	"helm.sh/helm/v3/pkg/chart"
	helmrelease "helm.sh/helm/v3/pkg/release"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
)

// ApplyOptions says how objects are applied and waited for.
type ApplyOptions struct {
	// Wait waits until the objects are ready.
	Wait bool
	// WaitForJobs waits for the end of Jobs, too.
	WaitForJobs bool
	// Timeout bounds the wait, and each hook; [DefaultTimeout] when it is zero.
	Timeout time.Duration
	// Patient waits until the time is over, even for what waiting does not help: an
	// image that cannot be pulled, a container that crashes again and again, a
	// Secret that is not there.
	Patient bool
	// Atomic undoes what failed. It waits.
	Atomic bool
	// NoHooks runs no hooks.
	NoHooks bool
	// Force replaces objects instead of patching them.
	Force bool
	// Description of the revision; helm's when it is empty.
	Description string
}

func (o ApplyOptions) timeout() time.Duration {
	if o.Timeout <= 0 {
		return DefaultTimeout
	}
	return o.Timeout
}

// DryRun says how far an operation goes that changes nothing.
type DryRun string

// The ways to change nothing.
const (
	// DryRunClient renders with what the cluster can do.
	DryRunClient DryRun = "client"
	// DryRunServer lets templates look objects up, too, and asks the API server
	// what it would say to every object.
	DryRunServer DryRun = "server"
)

// InstallOptions says how a release is installed.
type InstallOptions struct {
	ApplyOptions
	// CreateNamespace makes the namespace when it is not there.
	CreateNamespace bool
	// SkipCRDs does not install the chart's custom resource definitions.
	SkipCRDs bool
	// SkipSchema does not hold the values against the chart's schema.
	SkipSchema bool
	// DryRun changes nothing.
	DryRun DryRun

	// replace takes the name of a release that was uninstalled with its history
	// kept.
	replace bool
}

// Install installs a chart under a name that is free.
//
// The chart is taken over. When the installation itself fails, the release is
// recorded as failed, and returned along with the error.
func (m *Manager) Install(ctx context.Context, name string, c *chart.Chart, values map[string]any, o InstallOptions) (*Release, error) {
	if err := m.cluster.Reach(ctx); err != nil {
		return nil, err
	}
	if o.DryRun == "" {
		if err := m.makeNamespace(ctx, o.CreateNamespace); err != nil {
			return nil, err
		}
		held, done, err := m.hold(ctx, name)
		if err != nil {
			return nil, err
		}
		defer done()
		ctx = held
	}
	return m.install(ctx, name, c, values, o)
}

// makeNamespace makes the namespace of the releases when it is not there.
func (m *Manager) makeNamespace(ctx context.Context, wanted bool) error {
	if !wanted {
		return nil
	}
	client := m.cluster.Client(ctx, ClientOptions{Observe: m.observe})
	list, err := client.Build(strings.NewReader("apiVersion: v1\nkind: Namespace\nmetadata:\n  name: "+m.namespace+"\n  labels:\n    name: "+m.namespace+"\n"), false)
	if err != nil {
		return err
	}
	_, err = client.Create(list)
	if apierrors.IsAlreadyExists(err) || apierrors.IsForbidden(err) {
		return nil // who may not make it may still work in it; its absence shows soon
	}
	return err
}

// install is Install of a release that is held.
func (m *Manager) install(ctx context.Context, name string, c *chart.Chart, values map[string]any, o InstallOptions) (*Release, error) {
	if err := m.free(name, o); err != nil {
		return nil, err
	}
	op := m.begin(ctx, o.Patient)
	install := action.NewInstall(op.config)
	install.ReleaseName, install.Namespace = name, m.namespace
	install.SkipCRDs, install.SkipSchemaValidation = o.SkipCRDs, o.SkipSchema
	install.Wait, install.WaitForJobs = o.Wait || o.Atomic, o.WaitForJobs
	install.Timeout, install.Force, install.DisableHooks = o.timeout(), o.Force, o.NoHooks
	install.Description, install.Replace = o.Description, o.replace
	// helm undoes by itself too, but with a client that may be interrupted, and
	// before anybody could look at what failed.
	install.Atomic = false
	if o.DryRun != "" {
		install.DryRun, install.DryRunOption = true, string(o.DryRun)
	}
	record, err := install.Run(c, values)
	if err = op.fault(err); err != nil {
		return m.installFailed(ctx, name, record, err, o)
	}
	return fromRecord(record), rehearse(op.client, record, o.DryRun)
}

// free says whether a name can be installed.
func (m *Manager) free(name string, o InstallOptions) error {
	last, err := m.last(name)
	if _, ok := errors.AsType[*NotFoundError](err); ok {
		return nil
	}
	if err != nil {
		return err
	}
	if err := pending(last); err != nil {
		return err
	}
	if o.replace && last.Info.Status == helmrelease.StatusUninstalled {
		return nil
	}
	return &ExistsError{Name: name, Namespace: m.namespace, Status: last.Info.Status.String()}
}

func (m *Manager) installFailed(ctx context.Context, name string, record *helmrelease.Release, err error, o InstallOptions) (*Release, error) {
	if missingNamespace(err) {
		return nil, &NoNamespaceError{Namespace: m.namespace}
	}
	if o.DryRun != "" {
		return nil, err
	}
	m.settle(name, err)
	if !o.Atomic {
		return fromRecord(record), err
	}
	if _, rerr := m.records.Last(name); rerr != nil {
		return fromRecord(record), err // nothing was begun
	}
	m.observe(Event{Action: Step, Detail: fmt.Sprintf("the installation failed (%v); taking it away again", err)})
	clean, cancel := afterwards(ctx, o.timeout())
	defer cancel()
	if _, uerr := m.uninstall(clean, name, UninstallOptions{Timeout: o.timeout(), NoHooks: o.NoHooks}); uerr != nil {
		return fromRecord(record), fmt.Errorf("%w; taking it away failed as well: %w", err, uerr)
	}
	return nil, &UndoneError{Err: err, How: "the release was uninstalled again"}
}

// rehearse asks the API server about all objects of a release, if that was
// asked for.
func rehearse(client Client, record *helmrelease.Release, o DryRun) error {
	if o != DryRunServer {
		return nil
	}
	documents := []string{record.Manifest}
	for _, h := range record.Hooks {
		documents = append(documents, h.Manifest)
	}
	return client.Rehearse(strings.Join(documents, "\n---\n"))
}

func newDryInstall(config *action.Configuration, name, namespace string, o UpgradeOptions) *action.Install {
	install := action.NewInstall(config)
	install.ReleaseName, install.Namespace = name, namespace
	install.SkipCRDs, install.SkipSchemaValidation, install.DisableHooks = o.SkipCRDs, o.SkipSchema, o.NoHooks
	install.DryRun, install.DryRunOption = true, "server"
	return install
}

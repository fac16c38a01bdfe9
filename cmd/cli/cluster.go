package cli

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"slices"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"gantry/charts/kube"
	"gantry/charts/release"
	"gantry/charts/store"
)

// allNamespaces asks for the releases of every namespace.
const allNamespaces = "*"

// connect finds out which cluster is meant.
func (a *app) connect() (*kube.Cluster, error) {
	return kube.Connect(kube.Options{
		Kubeconfig: a.kubeconfig,
		Context:    a.kubeContext,
		Namespace:  a.namespace,
		Getenv:     a.Getenv,
		Holder:     a.holder(),
		Warn:       func(text string) { fmt.Fprintf(a.Err, "warning: %s\n", text) },
	})
}

// releases returns the manager of the releases in a namespace, the one that is
// meant when it is empty. What happens is told to p, which may be nil.
func (a *app) releases(namespace string, p *progress) (*release.Manager, error) {
	cluster, err := a.connect()
	if err != nil {
		return nil, err
	}
	switch namespace {
	case "":
		namespace = cluster.Namespace()
	case allNamespaces:
		namespace = ""
	}
	client, err := cluster.Clientset()
	if err != nil {
		return nil, fmt.Errorf("use the kubeconfig: %w", err)
	}
	driver := a.Getenv("GANTRY_DRIVER")
	if driver == "" {
		driver = a.Getenv("HELM_DRIVER")
	}
	records, err := store.Open(store.Options{
		Driver: driver, Namespace: namespace, Client: client, Database: a.Getenv("HELM_DRIVER_SQL_CONNECTION_STRING"),
	})
	if err != nil {
		return nil, err
	}
	o := release.Options{Namespace: namespace, Records: records, Now: a.Now}
	if p != nil {
		o.Observe = p.observe
		p.follow(cluster, namespace)
	}
	return release.New(cluster, o), nil
}

// driverHelp says where records are kept.
const driverHelp = `Releases are recorded in Secrets as helm does it, so that helm can go on with them;
$GANTRY_DRIVER, or else $HELM_DRIVER, may say configmap instead, or sql for the
PostgreSQL of $HELM_DRIVER_SQL_CONNECTION_STRING.`

// releaseError gives an error of a release or of the cluster its exit code and
// says what to type next. Reasons why objects are not ready go to standard error
// first.
func (a *app) releaseError(err error) error {
	if err == nil {
		return nil
	}
	if e, ok := errors.AsType[*kube.NotReadyError](err); ok {
		a.explainUnready(e)
	}
	if e, ok := errors.AsType[*release.RefusedPlanError](err); ok {
		err = a.refusedPlan(err, e)
	}
	if hint := releaseHint(err); hint != "" {
		err = withHint(err, hint)
	}
	_, unconfigured := errors.AsType[*kube.NotConfiguredError](err)
	_, unreachable := errors.AsType[*kube.UnreachableError](err)
	_, noRelease := errors.AsType[*release.NotFoundError](err)
	_, noNamespace := errors.AsType[*release.NoNamespaceError](err)
	_, noContext := errors.AsType[*kube.NoContextError](err)
	_, isStuck := errors.AsType[*kube.StuckError](err)
	_, badName := errors.AsType[*release.NameError](err)
	_, badDriver := errors.AsType[*store.UnknownDriverError](err)
	_, noDatabase := errors.AsType[*store.DatabaseError](err)
	switch {
	case unconfigured, unreachable, noDatabase:
		return unreachableError(err)
	case noRelease, noNamespace, noContext, errors.Is(err, fs.ErrNotExist):
		return notFoundError(err)
	case badDriver, badName:
		return usageError(err)
	case isStuck:
		return &exitError{exitTimeout, err}
	default:
		return err
	}
}

// releaseHint says what to type next, or "".
func releaseHint(err error) string {
	if _, ok := errors.AsType[*kube.NotConfiguredError](err); ok {
		return `name one with --kubeconfig, or try gantry on this machine alone: gantry sandbox start, then eval "$(gantry sandbox kubeconfig --export)"`
	}
	if _, ok := errors.AsType[*kube.UnreachableError](err); ok {
		return "is the cluster running, and is it the one you mean? --context and --kubeconfig choose another"
	}
	if _, ok := errors.AsType[*kube.DeniedError](err); ok {
		return "have they expired? Log in again; what was begun with them, the next operation settles"
	}
	if status, ok := errors.AsType[*apierrors.StatusError](err); ok && apierrors.IsForbidden(status) && status.ErrStatus.Details != nil && status.ErrStatus.Details.Kind == "secrets" {
		return "releases are recorded in Secrets: ask for a role that may read and write them, or choose another namespace with -n"
	}
	if e, ok := errors.AsType[*release.NotFoundError](err); ok && e.Revision > 0 {
		return fmt.Sprintf("see which there are with: gantry history %s -n %s", e.Name, e.Namespace)
	}
	if _, ok := errors.AsType[*release.NotFoundError](err); ok {
		return "see what there is with: gantry list --all-namespaces"
	}
	if e, ok := errors.AsType[*release.ExistsError](err); ok {
		return fmt.Sprintf("change it with: gantry upgrade %s CHART -n %s, or take it away with: gantry uninstall %s -n %s", e.Name, e.Namespace, e.Name, e.Namespace)
	}
	if e, ok := errors.AsType[*release.GoneError](err); ok {
		return fmt.Sprintf("bring it back with: gantry rollback %s -n %s, or forget it with: gantry uninstall %s -n %s", e.Name, e.Namespace, e.Name, e.Namespace)
	}
	if e, ok := errors.AsType[*release.PendingError](err); ok {
		return fmt.Sprintf("if nobody works on it, go on with: gantry upgrade %s CHART -n %s --unlock, or take it away with: gantry uninstall %s -n %s", e.Name, e.Namespace, e.Name, e.Namespace)
	}
	if _, ok := errors.AsType[*release.TooLargeError](err); ok {
		return "split the chart into several releases, or keep records in Secrets or a database: HELM_DRIVER=sql"
	}
	if _, ok := errors.AsType[*store.DatabaseError](err); ok {
		return "HELM_DRIVER_SQL_CONNECTION_STRING says which, such as postgres://USER:PASSWORD@HOST/DATABASE"
	}
	if e, ok := errors.AsType[*release.BusyError](err); ok {
		return fmt.Sprintf("wait until it has ended; see how far it is with: gantry status %s -n %s", e.Name, e.Namespace)
	}
	if e, ok := errors.AsType[*kube.StuckError](err); ok {
		return stuckHint(e) + "; then upgrade again (--patient waits nevertheless)"
	}
	if e, ok := errors.AsType[*release.RefusedPlanError](err); ok {
		return planHint(e)
	}
	if e, ok := errors.AsType[*release.NoNamespaceError](err); ok {
		return fmt.Sprintf("make it with --create-namespace, or choose another than %s with -n", e.Namespace)
	}
	return ""
}

// holder says who this is, to others who want to change the same release: ann@ci-7
// (process 4711).
func (a *app) holder() string {
	host, err := os.Hostname()
	if err != nil {
		host = "an unknown machine"
	}
	return fmt.Sprintf("%s@%s (process %d)", cmp.Or(a.Getenv("USER"), "gantry"), host, os.Getpid())
}

// explainUnready prints which objects are not ready and why.
func (a *app) explainUnready(e *kube.NotReadyError) {
	const enough = 20
	fmt.Fprintf(a.Err, "%d of %s not ready after %s:\n", len(e.Objects), countOf(e.Total, "object"), e.Waited)
	for i, u := range e.Objects {
		if i == enough {
			fmt.Fprintf(a.Err, "  and %d more, which gantry status shows\n", len(e.Objects)-enough)
			return
		}
		fmt.Fprintf(a.Err, "  %s", u.Object)
		if u.Message != "" {
			fmt.Fprintf(a.Err, ": %s", u.Message)
		}
		fmt.Fprintln(a.Err)
		for _, reason := range u.Reasons {
			fmt.Fprintf(a.Err, "    %s\n", reason)
		}
		for _, line := range u.Logs {
			fmt.Fprintf(a.Err, "    log of %s\n", line)
		}
	}
}

// stuckHint says what usually helps against the state of a pod.
func stuckHint(e *kube.StuckError) string {
	switch {
	case strings.Contains(e.Reason, "exceeded quota"):
		return "raise the quota (kubectl describe quota), take away what is not needed, or ask for less"
	case strings.HasPrefix(e.Reason, "FailedCreate"):
		return "the API server refuses the pods: mend what it names"
	case strings.Contains(e.Reason, "Image"):
		return "is the image's name right, was it pushed, and may the cluster pull it (imagePullSecrets)? Mend that"
	case strings.Contains(e.Reason, "ConfigError"):
		return "make the Secret or ConfigMap, or the key in it, that the container asks for"
	case strings.Contains(e.Reason, "Unschedulable"):
		return "give the cluster a node that fits, or ask for less"
	default:
		return "mend what its log says"
	}
}

// refusedPlan prints every reason why a plan cannot be carried out, where there are
// several, and returns the error that ends the command.
func (a *app) refusedPlan(err error, e *release.RefusedPlanError) error {
	if len(e.Refusals) == 1 {
		return fmt.Errorf("%w; nothing was changed", err)
	}
	for _, refusal := range e.Refusals {
		fmt.Fprintf(a.Err, "  %s\n", refusal)
	}
	return &summaryError{fmt.Sprintf("%s cannot be applied; nothing was changed", countOf(len(e.Refusals), "object")), err}
}

// summaryError stands for an error that was printed in full already.
type summaryError struct {
	text string
	err  error
}

func (e *summaryError) Error() string { return e.text }
func (e *summaryError) Unwrap() error { return e.err }

// planHint says what lets a plan be carried out.
func planHint(e *release.RefusedPlanError) string {
	flags := map[string]string{}
	for _, refusal := range e.Refusals {
		if recreate, ok := errors.AsType[*release.RecreateError](refusal); ok {
			flags["--recreate="+string(recreate.Allow)] = "deletes and makes anew what cannot be changed"
			if recreate.Storage {
				flags["--delete-storage"] = "lets its data go"
			}
		}
		if owned, ok := errors.AsType[*release.OwnedError](refusal); ok {
			flags["--adopt"] = "takes over what is there"
			if owned.Owner != "" {
				flags["-n NAMESPACE"] = "goes to another namespace, beside that release"
			}
		}
		if refused, ok := errors.AsType[*release.RefusedError](refusal); ok {
			if what, helps := refusedHint(refused); helps != "" {
				flags[what] = helps
			}
		}
	}
	var parts []string
	for _, flag := range slices.Sorted(maps.Keys(flags)) {
		parts = append(parts, flag+" "+flags[flag])
	}
	return strings.Join(parts, "; ")
}

// refusedHint returns what lets an object be taken, and what that does.
func refusedHint(e *release.RefusedError) (what, helps string) {
	switch {
	case len(e.Conflicts) > 0:
		return "--force-conflicts", "takes these fields over; or leave them out of the chart"
	case e.Why == release.RefusedUnasked:
		return "kubectl get validatingwebhookconfigurations,mutatingwebhookconfigurations",
			"lists who is asked; mend the one that does not answer, or take its configuration away"
	case e.Why == release.RefusedMistyped && strings.Contains(e.Problem, "quotes"):
		return "| quote", "writes quotes in a template: {{ .Values.version | quote }}"
	default:
		return "", ""
	}
}

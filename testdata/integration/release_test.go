package integration_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"
	authorizationv1 "k8s.io/api/authorization/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/clientcmd"
)

// webChart has what the tests below change by values: annotations make the
// sandbox's pods fail on demand.
const webChart = `
-- Chart.yaml --
apiVersion: v2
name: web
version: 1.2.3
appVersion: "7"
-- values.yaml --
tag: "1"
greeting: hello
token: hunter2
pod: {}
hook: {}
extra: false
-- templates/web.yaml --
apiVersion: apps/v1
kind: Deployment
metadata:
  name: web
spec:
  replicas: 2
  selector:
    matchLabels: {app: web}
  template:
    metadata:
      labels: {app: web}
      annotations: {{ toJson .Values.pod }}
    spec:
      terminationGracePeriodSeconds: 0
      containers:
        - name: web
          image: example.com/web:{{ .Values.tag }}
-- templates/objects.yaml --
apiVersion: v1
kind: ConfigMap
metadata:
  name: web
data:
  greeting: {{ .Values.greeting | quote }}
  seen: {{ dig "metadata" "name" "nothing" (lookup "v1" "Namespace" "" "kube-system") }}
  nothing:
  script: |
    echo hello
---
apiVersion: v1
kind: Secret
metadata:
  name: web
stringData:
  token: {{ .Values.token | quote }}
  nothing:
---
apiVersion: v1
kind: Service
metadata:
  name: web
spec:
  selector: {app: web}
  ports: [{port: 80}]
{{- if .Values.extra }}
---
apiVersion: v1
kind: ConfigMap
metadata:
  name: extra
{{- end }}
-- templates/migrate.yaml --
apiVersion: batch/v1
kind: Job
metadata:
  name: migrate
  annotations:
    helm.sh/hook: pre-install,pre-upgrade
    helm.sh/hook-delete-policy: before-hook-creation,hook-succeeded
spec:
  backoffLimit: 0
  template:
    metadata:
      annotations: {{ toJson .Values.hook }}
    spec:
      restartPolicy: Never
      containers:
        - name: migrate
          image: example.com/web:{{ .Values.tag }}
-- templates/NOTES.txt --
{{ .Release.Name }} says {{ .Values.greeting }}.
`

const behave = `sandbox\.gantry\.dev/`

// releases is a workshop with a chart, and a namespace to install it in.
type releases struct {
	*workshop
	*place
}

func newReleases(t *testing.T) *releases {
	t.Helper()
	r := &releases{newWorkshop(t), newPlace(t)}
	for _, f := range txtar.Parse([]byte(webChart)).Files {
		name := filepath.Join(r.dir, "web", filepath.FromSlash(f.Name))
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, f.Data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return r
}

// g runs gantry in the namespace and wants it to succeed.
func (r *releases) g(args ...string) string {
	r.Helper()
	return r.run(r.gantry, r.in(args...)...)
}

// h does the same with helm.
func (r *releases) h(args ...string) string {
	r.Helper()
	return r.run(r.helm, r.in(args...)...)
}

// fails runs gantry in the namespace, wants the exit code of it, and returns
// what it said on standard error.
func (r *releases) fails(code int, args ...string) string {
	r.Helper()
	c := r.command(r.Context(), r.gantry, r.in(args...)...)
	_, stderr, got := r.outcome(c)
	if got != code {
		r.Fatalf("gantry %s: exit code %d, want %d\n%s", strings.Join(args, " "), got, code, stderr)
	}
	return stderr
}

// column returns one column of a table.
func column(table string, n int) []string {
	var cells []string
	for _, line := range strings.Split(strings.TrimSpace(table), "\n")[1:] {
		cells = append(cells, strings.Fields(line)[n])
	}
	return cells
}

// empty wants nothing of a chart to be left.
func (r *releases) empty() {
	r.Helper()
	waitFor(r.T, "the objects to be gone", func() (bool, error) {
		deployments, err := r.Client.AppsV1().Deployments(r.Namespace).List(r.Context(), metav1.ListOptions{})
		if err != nil {
			return false, err
		}
		secrets, err := r.Client.CoreV1().Secrets(r.Namespace).List(r.Context(), metav1.ListOptions{})
		if err != nil {
			return false, err
		}
		jobs, err := r.Client.BatchV1().Jobs(r.Namespace).List(r.Context(), metav1.ListOptions{})
		if err != nil {
			return false, err
		}
		services, err := r.Client.CoreV1().Services(r.Namespace).List(r.Context(), metav1.ListOptions{})
		if err != nil {
			return false, err
		}
		return len(deployments.Items)+len(secrets.Items)+len(jobs.Items)+len(services.Items) == 0, nil
	})
}

// TestHelmGoesOn changes a release with either tool in turn; both tell the same
// story of it.
func TestHelmGoesOn(t *testing.T) {
	tests := []struct {
		name                       string
		install, upgrade, rollback func(r *releases, args ...string) string
		uninstall                  func(r *releases, args ...string) string
	}{
		{"gantry begins", (*releases).g, (*releases).h, (*releases).g, (*releases).h},
		{"helm begins", (*releases).h, (*releases).g, (*releases).h, (*releases).g},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			r := newReleases(t)
			test.install(r, "install", "shop", "web", "--wait", "--set", "extra=true")
			r.agree()
			config, err := r.Client.CoreV1().ConfigMaps(r.Namespace).Get(t.Context(), "web", metav1.GetOptions{})
			if err != nil {
				t.Fatal(err)
			}
			if _, there := config.Data["nothing"]; !there || config.Data["script"] != "echo hello\n" {
				t.Errorf("the values are %q", config.Data)
			}
			if said := r.g("diff", "shop", "web", "--set", "extra=true"); !strings.Contains(said, "are alike") {
				t.Errorf("the same chart differs:\n%s", said)
			}
			test.upgrade(r, "upgrade", "shop", "web", "--wait", "--set", "tag=2,greeting=bye")
			r.agree()
			if got := r.deployment(t, "web").Spec.Template.Spec.Containers[0].Image; got != "example.com/web:2" {
				t.Errorf("upgraded to %s", got)
			}
			if _, err := r.Client.CoreV1().ConfigMaps(r.Namespace).Get(t.Context(), "extra", metav1.GetOptions{}); err == nil {
				t.Error("what is no longer in the release is still there")
			}
			test.rollback(r, "rollback", "shop", "1", "--wait")
			r.agree()
			if got := r.deployment(t, "web").Spec.Template.Spec.Containers[0].Image; got != "example.com/web:1" {
				t.Errorf("rolled back to %s", got)
			}
			if got := r.secret(t, "web", "token"); got != "hunter2" {
				t.Errorf("the token is %q", got)
			}
			test.uninstall(r, "uninstall", "shop", "--wait")
			r.empty()
		})
	}
}

// agree wants both tools to print the same of the release.
func (r *releases) agree() {
	r.Helper()
	for _, what := range []string{
		"get manifest", "get hooks", "get notes", "get all", "get metadata", "get metadata -o yaml",
		"get values", "get values --all", "get values -o yaml", "get values --all -o yaml",
	} {
		args := append(strings.Fields(what), "shop")
		ours, theirs := r.output(r.gantry, args...), r.output(r.helm, args...)
		if author := regexp.MustCompile(`(?m)^(DEPLOYED_BY|deployedBy): admin\n`); strings.HasPrefix(what, "get metadata") {
			ours = author.ReplaceAllString(ours, "") // helm does not know it
		}
		if diff := cmp.Diff(theirs, ours); diff != "" {
			r.Errorf("%s (-helm +gantry):\n%s", what, diff)
		}
	}
	ours, theirs := r.g("history", "shop"), r.h("history", "shop", "-o", "table")
	if diff := cmp.Diff(column(theirs, 0), column(ours, 0)); diff != "" {
		r.Errorf("revisions (-helm +gantry):\n%s", diff)
	}
	for _, word := range []string{"deployed", "superseded", "web-1.2.3"} {
		if got, want := strings.Count(ours, word), strings.Count(theirs, word); got != want {
			r.Errorf("gantry's history says %s %d times, helm's %d times:\n%s\n%s", word, got, want, ours, theirs)
		}
	}
	listed, theirList := r.g("list"), r.h("list")
	if diff := cmp.Diff(column(theirList, 2), column(listed, 2)); diff != "" || !strings.Contains(listed, "shop") {
		r.Errorf("list (-helm +gantry):\n%s", diff)
	}
}

// output runs a program in the namespace, and returns what it prints to standard
// output alone.
func (r *releases) output(program string, args ...string) string {
	r.Helper()
	out, err := r.command(r.Context(), program, r.in(args...)...).Output()
	if err != nil {
		r.Fatalf("%s: %v", strings.Join(args, " "), err)
	}
	return string(out)
}

// TestAuthors: a revision says which user of the cluster has made it. helm makes
// revisions without a name, and forgets those of what it writes anew.
func TestAuthors(t *testing.T) {
	for _, driver := range []string{"secret", "configmap"} {
		t.Run(driver, func(t *testing.T) {
			t.Parallel()
			r := newReleases(t)
			r.env = append(r.env, "HELM_DRIVER="+driver)
			as := r.as(t, "ann@example.com", "system:masters")
			r.run(r.gantry, "install", "shop", "web", "--no-hooks", "--kubeconfig", as)
			r.g("upgrade", "shop", "web", "--no-hooks", "--set", "tag=2")
			r.h("upgrade", "shop", "web", "--no-hooks", "--set", "tag=3")
			r.run(r.gantry, "rollback", "shop", "2", "--no-hooks", "--kubeconfig", as)
			var revisions []struct{ By string }
			if err := json.Unmarshal([]byte(r.output(r.gantry, "history", "shop", "-o", "json")), &revisions); err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, revision := range revisions {
				got = append(got, revision.By)
			}
			if diff := cmp.Diff([]string{"ann@example.com", "", "", "ann@example.com"}, got); diff != "" {
				t.Errorf("authors (-want +got):\n%s", diff)
			}
			r.wants(r.g("get", "metadata", "shop"), "DEPLOYED_BY: ann@example.com")
			r.wants(r.h("history", "shop"), "Rollback to 2")
		})
	}
}

// as returns a kubeconfig of another user.
func (r *releases) as(t *testing.T, user string, groups ...string) string {
	t.Helper()
	config, err := clientcmd.LoadFromFile(r.Kubeconfig)
	if err != nil {
		t.Fatal(err)
	}
	for _, info := range config.AuthInfos {
		info.Impersonate, info.ImpersonateGroups = user, groups
	}
	name := filepath.Join(t.TempDir(), "kubeconfig")
	if err := clientcmd.WriteToFile(*config, name); err != nil {
		t.Fatal(err)
	}
	return name
}

// TestTemplateIsHelms renders the chart that helm itself makes with both.
func TestTemplateIsHelms(t *testing.T) {
	t.Parallel()
	w := newWorkshop(t)
	w.run(w.helm, "create", "starter")
	for _, args := range [][]string{
		nil,
		{"--set", "ingress.enabled=true,autoscaling.enabled=true", "--set-string", "image.tag=7"},
		{"--is-upgrade", "--skip-tests", "-a", "example.com/v1"},
		{"-s", "templates/*e.yaml"},
	} {
		args := append([]string{"template", "demo", "starter", "-n", "prod", "--kube-version", "1.33.0"}, args...)
		if diff := cmp.Diff(w.run(w.helm, args...), w.run(w.gantry, args...)); diff != "" {
			t.Errorf("%s (-helm +gantry):\n%s", strings.Join(args, " "), diff)
		}
	}
	w.wants(w.run(w.gantry, "lint", "starter"), "note: icon is recommended")
	w.run(w.gantry, "package", "starter")
	w.wants(w.run(w.helm, "lint", "starter-0.1.0.tgz"), "0 chart(s) failed")
	w.wants(w.run(w.helm, "show", "chart", "starter-0.1.0.tgz"), "name: starter")
}

// TestWaitingSaysWhy lets pods fail in every way that the sandbox knows.
func TestWaitingSaysWhy(t *testing.T) {
	tests := []struct {
		name, values string
		code         int
		wants        []string
	}{
		{"image", "pod." + behave + "image-pull-failure=true", 6, []string{"Deployment web", "container web: ImagePullBackOff: Back-off pulling image"}},
		{"crash", "pod." + behave + "crash-loop=true,pod." + behave + "log=cannot open the database", 6, []string{"ended with exit code 1", "log of pod web-", "cannot open the database"}},
		{"probe", "pod." + behave + "not-ready=true", 6, []string{"running, but not ready"}},
		{"hook", "hook." + behave + "exit-code=3,hook." + behave + "log=no such table", 1, []string{"running hook Job migrate", "ended with exit code 3", "no such table"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			r := newReleases(t)
			said := r.fails(test.code, "install", "shop", "web", "--wait", "--timeout", "4s", "--set-string", test.values)
			r.wants(said, append(test.wants, "gantry: error: ")...)
			r.wants(r.g("list"), "failed")
			t.Log("the release can go on")
			r.g("upgrade", "shop", "web", "--wait", "--reset-values")
			r.wants(r.g("status", "shop"), "deployed", "Current")
		})
	}
}

// TestWaitingGivesUp has a long timeout, and an image that cannot be pulled.
func TestWaitingGivesUp(t *testing.T) {
	t.Parallel()
	r := newReleases(t)
	broken := []string{"install", "shop", "web", "--wait", "--timeout", "1h", "--set-string", "pod." + behave + "image-pull-failure=true"}
	said := r.fails(6, broken...)
	r.wants(said, "gave up after", "waiting does not help: Deployment web", "ImagePullBackOff", "gantry: hint: is the image's name right", "--patient")
	r.g("uninstall", "shop")
	said = r.fails(6, append(broken, "--patient", "--timeout", "3s", "--no-hooks")...) // a hook has no more time than that, either
	r.wants(said, "1 of 4 objects not ready after")                                    // how long it took says nothing of a busy machine
	if strings.Contains(said, "gave up") {
		t.Errorf("a patient wait gave up:\n%s", said)
	}
}

// TestAtomic undoes what failed, and tells why before it does.
func TestAtomic(t *testing.T) {
	t.Parallel()
	r := newReleases(t)
	// Without the hook, for which 3s is little on a busy machine.
	broken := []string{"--atomic", "--timeout", "3s", "--no-hooks", "--set-string", "pod." + behave + "image-pull-failure=true"}
	said := r.fails(6, append([]string{"install", "shop", "web"}, broken...)...)
	r.wants(said, "ImagePullBackOff", "the release was uninstalled again")
	r.empty()
	r.g("install", "shop", "web", "--wait")
	said = r.fails(6, append([]string{"upgrade", "shop", "web", "--set", "tag=2"}, broken...)...)
	r.wants(said, "going back to revision 1", "ImagePullBackOff", "rolled back to revision 1")
	if got := r.deployment(t, "web").Spec.Template.Spec.Containers[0].Image; got != "example.com/web:1" {
		t.Errorf("web runs %s", got)
	}
	r.wants(r.g("history", "shop"), "superseded", "failed", "deployed")
}

// TestPlans shows what would happen, and nothing happens.
func TestPlans(t *testing.T) {
	t.Parallel()
	r := newReleases(t)
	r.wants(r.g("diff", "shop", "web"), "create Deployment web", "run Job migrate (hook pre-install)", "between nothing and web-1.2.3: 4 to create")
	r.wants(r.g("install", "shop", "web", "--dry-run=server"), "kind: Deployment", "seen: kube-system")
	r.empty()
	r.g("install", "shop", "web", "--wait")
	if said := r.g("diff", "shop", "web"); !strings.Contains(said, "are alike") {
		t.Errorf("the same chart differs:\n%s", said)
	}
	said := r.g("diff", "shop", "web", "--set", "greeting=bye,token=other")
	r.wants(said, "-  greeting: hello", "+  greeting: bye", "(hidden, after)")
	if strings.Contains(said, "hunter2") || strings.Contains(said, "other") {
		t.Errorf("the diff shows secrets:\n%s", said)
	}
	r.g("upgrade", "shop", "web", "--wait", "--set", "greeting=bye")
	r.wants(r.g("diff", "shop", "1"), "-  greeting: bye", "+  greeting: hello")
	r.wants(r.g("diff", "shop", "1", "2", "-o", "json"), `"change": "changed"`)
	r.wants(r.fails(4, "diff", "shop", "7"), "no revision 7")
	r.wants(r.g("history", "shop", "-o", "json"), `"revision": 2`)
}

// TestRefusals: what the API server refuses is said with the field at fault.
func TestRefusals(t *testing.T) {
	t.Parallel()
	r := newReleases(t)
	name := filepath.Join(r.dir, "web", "templates", "bad.yaml")
	if err := os.WriteFile(name, []byte("apiVersion: v1\nkind: Service\nmetadata: {name: bad}\nspec: {ports: [{port: 70000}], colour: red}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	r.wants(r.fails(1, "install", "shop", "web", "--dry-run=server"), `unknown field "spec.colour"`)
	said := r.fails(1, "install", "shop", "web")
	r.wants(said, filepath.Join("web", "templates", "bad.yaml")+": create Service bad: the API server refuses it", "spec.colour", "nothing was changed")
	r.empty()
	said = r.fails(1, "install", "shop", "web", "--apply=client")
	r.wants(said, "create Service bad: the API server refuses it: spec.ports[0].port", `warning: unknown field "spec.colour"`, "nothing was changed")
	r.empty()
	r.wants(r.fails(4, "install", "other", "web", "--set", "extra=true", "-n", "nowhere"), "there is no namespace nowhere", "--create-namespace")
	r.wants(r.fails(4, "upgrade", "other", "web"), "there is no release other", "gantry list")
	r.wants(r.fails(2, "install", "Web_1", "web"), `"Web_1" cannot be the name of a release`, "at most 53 characters")
	r.wants(r.fails(3, "install", "third", "web", "--set", "greeting="+strings.Repeat("x", 10), "-f", "gone.yaml"), "gone.yaml: error: ")
	if err := os.Remove(name); err != nil {
		t.Fatal(err)
	}
	r.g("install", "shop", "web", "--wait")
	r.wants(r.fails(1, "install", "shop", "web"), "exists already (deployed)", "gantry upgrade shop CHART")
	r.write("templates/bad.yaml", "apiVersion: v1\nkind: Service\nmetadata: {name: web}\nspec: {selector: {app: y}, ports: [{port: 80}]}\n")
	for _, verb := range [][]string{{"upgrade", "shop", "web"}, {"upgrade", "shop", "web", "--dry-run=server"}, {"diff", "shop", "web"}} {
		r.wants(r.fails(1, verb...), filepath.Join("web", "templates", "bad.yaml")+": ", "Service web: the API server refuses it: spec.selector.app is a boolean, where a text belongs: write it in quotes", "| quote")
	}
	r.write("templates/bad.yaml", "")
	r.g("uninstall", "shop", "--wait")
	r.empty()
}

// TestNewNamespace makes a namespace once the plan of what comes into it stands, and
// plans for one that is not there.
func TestNewNamespace(t *testing.T) {
	t.Parallel()
	r := newReleases(t)
	fresh := r.Namespace + "-new"
	into := []string{"shop", "web", "-n", fresh, "--create-namespace"}
	absent := func(why string) {
		t.Helper()
		if _, err := r.Client.CoreV1().Namespaces().Get(t.Context(), fresh, metav1.GetOptions{}); !apierrors.IsNotFound(err) {
			t.Errorf("there is a namespace for what %s: %v", why, err)
		}
	}
	r.write("templates/fail.yaml", `{{ fail "never" }}`)
	invalid := "apiVersion: v1\nkind: Service\nmetadata: {name: bad}\nspec: {ports: [{port: 70000}]}\n"
	for _, verb := range [][]string{{"install"}, {"upgrade", "--install"}} {
		r.write("templates/fail.yaml", `{{ fail "never" }}`)
		r.fails(3, append(verb, into...)...)
		absent("cannot be rendered")
		r.write("templates/fail.yaml", invalid)
		r.wants(r.fails(1, append(verb, into...)...), "create Service bad: the API server refuses it: spec.ports[0].port", "nothing was changed")
		absent("is refused")
	}
	r.write("templates/fail.yaml", "apiVersion: v1\nkind: Namespace\nmetadata: {name: "+fresh+"}\n")
	r.wants(r.fails(1, append([]string{"install"}, into...)...), "create Namespace "+fresh, "--adopt")
	absent("would be there twice")
	r.write("templates/fail.yaml", "")
	r.wants(r.fails(4, "install", "shop", "web", "-n", fresh, "--dry-run=server"), "there is no namespace "+fresh, "--create-namespace")
	r.wants(r.g(append([]string{"install", "--dry-run=server"}, into...)...), "create Namespace "+fresh, "create Deployment web")
	r.wants(r.g("diff", "shop", "web", "-n", fresh), "create Namespace "+fresh, "create Deployment web")
	absent("was only planned")
	r.wants(r.g(append([]string{"install"}, into...)...), "created Namespace "+fresh, "created Deployment web")
	r.g("uninstall", "shop", "-n", fresh, "--wait")
	if err := r.Client.CoreV1().Namespaces().Delete(t.Context(), fresh, metav1.DeleteOptions{}); err != nil {
		t.Error(err)
	}
}

// TestNewNamespaceRefuses: what only the new namespace can refuse is refused in it, before
// anything is put there. It is said that it stays.
func TestNewNamespaceRefuses(t *testing.T) {
	t.Parallel()
	r := newReleases(t)
	r.apply(t, `
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: `+r.Namespace+`}
rules:
  - {apiGroups: ["*"], resources: ["*"], verbs: [get, list, watch]}
  - {apiGroups: [""], resources: [namespaces], verbs: [create]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: `+r.Namespace+`}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: `+r.Namespace+`}
subjects: [{apiGroup: rbac.authorization.k8s.io, kind: User, name: `+r.Namespace+`}]
`)
	t.Cleanup(func() {
		roles := r.Client.RbacV1()
		for _, err := range []error{
			roles.ClusterRoles().Delete(context.WithoutCancel(t.Context()), r.Namespace, metav1.DeleteOptions{}),
			roles.ClusterRoleBindings().Delete(context.WithoutCancel(t.Context()), r.Namespace, metav1.DeleteOptions{}),
		} {
			if err != nil {
				t.Error(err)
			}
		}
	})
	may := &authorizationv1.SubjectAccessReview{Spec: authorizationv1.SubjectAccessReviewSpec{
		User: r.Namespace, ResourceAttributes: &authorizationv1.ResourceAttributes{Verb: "create", Resource: "namespaces"},
	}}
	waitFor(t, "the rights", func() (bool, error) {
		answer, err := r.Client.AuthorizationV1().SubjectAccessReviews().Create(t.Context(), may, metav1.CreateOptions{})
		return err == nil && answer.Status.Allowed, err
	})
	r.Kubeconfig = r.as(t, r.Namespace)
	fresh := r.Namespace + "-new"
	r.wants(r.fails(1, "install", "shop", "web", "-n", fresh, "--create-namespace"),
		"created Namespace "+fresh, "create Deployment web: the API server refuses it", "warning: namespace "+fresh+" was made for this, and stays", "nothing was changed")
	namespaces := r.Client.CoreV1().Namespaces()
	if err := namespaces.Delete(t.Context(), fresh, metav1.DeleteOptions{}); err != nil {
		t.Error(err)
	}
}

// TestNobodyAnswers: a cluster that is down, one behind a firewall, none at all.
func TestNobodyAnswers(t *testing.T) {
	t.Parallel()
	w := newWorkshop(t)
	silent, err := net.Listen("tcp", "127.0.0.1:0") // takes connections, never answers
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = silent.Close() })
	w.run(w.helm, "create", "web")
	tests := []struct{ name, server, want string }{
		{"refused", "https://127.0.0.1:1", "the cluster at https://127.0.0.1:1 does not answer: connection refused"},
		{"silent", "https://" + silent.Addr().String(), "the cluster at https://" + silent.Addr().String() + " has not answered in 8s"},
		{"none", "", `gantry sandbox start, then eval "$(gantry sandbox kubeconfig --export)"`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			args := []string{"install", "shop", "web", "--wait"}
			if test.server != "" {
				args = append(args, "--kubeconfig", writeKubeconfig(t, test.server))
			}
			c := w.command(t.Context(), w.gantry, args...)
			c.Env = append(c.Env, "KUBECONFIG=")
			out, err := c.CombinedOutput()
			if exit, ok := errors.AsType[*exec.ExitError](err); !ok || exit.ExitCode() != 5 {
				t.Errorf("ended with %v, want exit code 5", err)
			}
			w.wants(string(out), test.want)
		})
	}
}

func writeKubeconfig(t *testing.T, server string) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "kubeconfig")
	text := fmt.Sprintf("apiVersion: v1\nkind: Config\ncurrent-context: c\ncontexts: [{name: c, context: {cluster: c, user: u}}]\nclusters: [{name: c, cluster: {server: %q}}]\nusers: [{name: u, user: {}}]\n", server)
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

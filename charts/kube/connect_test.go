package kube_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"gantry/charts/kube"
)

// kubeconfig writes a file with two contexts for one server.
func kubeconfig(t *testing.T, server string) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "config")
	text := fmt.Sprintf(`apiVersion: v1
kind: Config
current-context: one
contexts:
  - {name: one, context: {cluster: c, user: u}}
  - {name: two, context: {cluster: c, user: u, namespace: shop}}
clusters: [{name: c, cluster: {server: %q}}]
users: [{name: u, user: {token: t}}]
`, server)
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

// env is an environment with a home folder of its own.
func env(t *testing.T, values map[string]string) func(string) string {
	t.Helper()
	home := t.TempDir()
	return func(key string) string {
		if value, ok := values[key]; ok {
			return value
		}
		if key == "HOME" {
			return home
		}
		return ""
	}
}

func TestConnect(t *testing.T) {
	file := kubeconfig(t, "https://cluster.example:6443")
	tests := []struct {
		name      string
		o         kube.Options
		env       map[string]string
		namespace string
	}{
		{"a file", kube.Options{Kubeconfig: file}, nil, "default"},
		{"a context", kube.Options{Kubeconfig: file, Context: "two"}, nil, "shop"},
		{"a namespace", kube.Options{Kubeconfig: file, Context: "two", Namespace: "other"}, nil, "other"},
		{"the environment", kube.Options{}, map[string]string{"KUBECONFIG": "/nonexistent" + string(filepath.ListSeparator) + file}, "default"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			test.o.Getenv = env(t, test.env)
			c, err := kube.Connect(test.o)
			if err != nil {
				t.Fatal(err)
			}
			if c.Namespace() != test.namespace || c.Address() != "https://cluster.example:6443" {
				t.Errorf("namespace %s of %s, want %s", c.Namespace(), c.Address(), test.namespace)
			}
			config, err := c.ToRESTConfig()
			if err != nil {
				t.Fatal(err)
			}
			if config.QPS >= 0 {
				t.Errorf("the client brakes itself to %v requests a second", config.QPS)
			}
		})
	}
}

func TestConnectFindsNothing(t *testing.T) {
	tests := []struct {
		name   string
		file   string
		env    map[string]string
		looked string
	}{
		{"nothing", "", nil, "~/.kube/config"},
		{"a file that is not there", "", map[string]string{"KUBECONFIG": "/nonexistent"}, "/nonexistent (which does not exist)"},
		{"a file that is named and not there", "/nonexistent", nil, "/nonexistent (which does not exist)"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, err := kube.Connect(kube.Options{Kubeconfig: test.file, Getenv: env(t, test.env)})
			e, ok := errors.AsType[*kube.NotConfiguredError](err)
			if !ok {
				t.Fatalf("error %v (%T), want *kube.NotConfiguredError", err, err)
			}
			if !strings.Contains(e.Error(), test.looked) {
				t.Errorf("error %v does not say %s", e, test.looked)
			}
		})
	}
}

func TestConnectFindsOtherThings(t *testing.T) {
	file := kubeconfig(t, "https://cluster.example:6443")
	_, err := kube.Connect(kube.Options{Kubeconfig: file, Context: "three", Getenv: env(t, nil)})
	if e, ok := errors.AsType[*kube.NoContextError](err); !ok || strings.Join(e.Known, " ") != "one two" {
		t.Errorf("error %v", err)
	}
	broken := filepath.Join(t.TempDir(), "config")
	if err := os.WriteFile(broken, []byte("contexts: ["), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := kube.Connect(kube.Options{Kubeconfig: broken, Getenv: env(t, nil)}); err == nil {
		t.Error("a broken kubeconfig was accepted")
	}
}

func connect(t *testing.T, server string, timeout time.Duration) *kube.Cluster {
	t.Helper()
	c, err := kube.Connect(kube.Options{Kubeconfig: kubeconfig(t, server), Getenv: env(t, nil), ReachTimeout: timeout})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestReach(t *testing.T) {
	status := http.StatusOK
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		fmt.Fprint(w, `{}`)
	}))
	defer server.Close()
	c := connect(t, server.URL, time.Minute)
	for _, status = range []int{http.StatusOK, http.StatusForbidden} {
		if err := c.Reach(t.Context()); err != nil {
			t.Errorf("status %d: error %v", status, err)
		}
	}
	status = http.StatusUnauthorized
	if _, ok := errors.AsType[*kube.DeniedError](c.Reach(t.Context())); !ok {
		t.Errorf("status %d: not denied", status)
	}
}

func TestReachNobody(t *testing.T) {
	closed := httptest.NewServer(nil)
	closed.Close()
	err := connect(t, closed.URL, time.Minute).Reach(t.Context())
	e, ok := errors.AsType[*kube.UnreachableError](err)
	if !ok || e.Address != closed.URL || !strings.Contains(e.Error(), "connection refused") {
		t.Errorf("error %v (%T)", err, err)
	}
}

// A listener that nobody serves takes connections and never answers, like a
// firewall that swallows packets.
func TestReachSilence(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	err = connect(t, "https://"+listener.Addr().String(), 50*time.Millisecond).Reach(t.Context())
	e, ok := errors.AsType[*kube.UnreachableError](err)
	if !ok || !strings.Contains(e.Error(), "has not answered in 50ms") {
		t.Errorf("error %v (%T)", err, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := connect(t, "https://"+listener.Addr().String(), time.Minute).Reach(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("interrupted: error %v", err)
	}
}

package main

import (
	"context"
	"encoding/pem"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"sync/atomic"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
)

// nodes is how many nodes the sandbox has: enough for the pods of every chart here.
const nodes = 16

// cluster is a sandbox of the benchmark's own.
type cluster struct {
	folder string
	// config is its kubeconfig.
	config string
	rest   *rest.Config
	client kubernetes.Interface
}

// withCluster starts a sandbox, runs measurements on it, and takes it away.
func (b *bench) withCluster(ctx context.Context, measure func(context.Context, *cluster) error) (err error) {
	c := &cluster{folder: filepath.Join(b.dir, "sandbox")}
	b.path = filepath.Dir(b.gantry) + string(os.PathListSeparator) + b.path
	c.config = filepath.Join(c.folder, "kubeconfig")
	if err := b.command(ctx, b.gantry, "sandbox", "start", "--nodes", strconv.Itoa(nodes), "--dir", c.folder); err != nil {
		return fmt.Errorf("start a sandbox: %w", err)
	}
	defer func() {
		err = errors.Join(err, b.command(context.WithoutCancel(ctx), b.gantry, "sandbox", "delete", "--dir", c.folder))
	}()
	if c.rest, err = clientcmd.BuildConfigFromFlags("", c.config); err != nil {
		return err
	}
	c.rest.QPS = -1 // it is ours alone
	if c.client, err = kubernetes.NewForConfig(c.rest); err != nil {
		return err
	}
	return measure(ctx, c)
}

// lookEvery is how often [cluster.ready] looks.
const lookEvery = 500 * time.Millisecond

// ready waits until all Deployments of a namespace are.
func (c *cluster) ready(ctx context.Context, namespace string) error {
	return wait.PollUntilContextTimeout(ctx, lookEvery, 5*time.Minute, true, func(ctx context.Context) (bool, error) {
		list, err := c.client.AppsV1().Deployments(namespace).List(ctx, metav1.ListOptions{})
		if err != nil {
			return false, err
		}
		for _, d := range list.Items {
			if d.Status.ReadyReplicas < *d.Spec.Replicas {
				return false, nil
			}
		}
		return true, nil
	})
}

// meter stands before an API server, as far away as one likes, and counts what
// goes through.
type meter struct {
	// config is a kubeconfig that leads to it.
	config string

	latency         time.Duration
	next            http.Handler
	server          *httptest.Server
	requests, bytes atomic.Int64
}

// newMeter returns a meter before the cluster.
func (c *cluster) newMeter(name string, latency time.Duration) (*meter, error) {
	transport, err := rest.TransportFor(c.rest)
	if err != nil {
		return nil, err
	}
	target, err := url.Parse(c.rest.Host)
	if err != nil {
		return nil, err
	}
	proxy := httputil.NewSingleHostReverseProxy(target)
	proxy.Transport, proxy.FlushInterval = transport, -1
	m := &meter{latency: latency, next: proxy, config: filepath.Join(c.folder, "meter-"+name)}
	m.server = httptest.NewUnstartedServer(m)
	m.server.EnableHTTP2 = true // as the API server has it
	m.server.StartTLS()
	config := clientcmdapi.NewConfig()
	config.Clusters["c"] = &clientcmdapi.Cluster{
		Server:                   m.server.URL,
		CertificateAuthorityData: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: m.server.Certificate().Raw}),
	}
	config.AuthInfos["u"] = &clientcmdapi.AuthInfo{}
	config.Contexts["c"] = &clientcmdapi.Context{Cluster: "c", AuthInfo: "u"}
	config.CurrentContext = "c"
	return m, clientcmd.WriteToFile(*config, m.config)
}

// ServeHTTP passes a request on after the time that it takes to get here.
func (m *meter) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	m.requests.Add(1)
	select {
	case <-time.After(m.latency):
	case <-r.Context().Done():
	}
	m.next.ServeHTTP(&counting{ResponseWriter: w, bytes: &m.bytes}, r)
}

func (m *meter) close() { m.server.Close() }

// counting counts the bytes of an answer.
type counting struct {
	http.ResponseWriter
	bytes *atomic.Int64
}

// Write passes bytes on.
func (c *counting) Write(data []byte) (int, error) {
	c.bytes.Add(int64(len(data)))
	return c.ResponseWriter.Write(data)
}

// Unwrap lets watches be flushed.
func (c *counting) Unwrap() http.ResponseWriter { return c.ResponseWriter }

// writeFiles puts files into a folder of the benchmark.
func (b *bench) writeFiles(folder string, files map[string]string) (string, error) {
	folder = filepath.Join(b.dir, folder)
	for name, text := range files {
		file := filepath.Join(folder, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
			return "", err
		}
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			return "", err
		}
	}
	return folder, nil
}

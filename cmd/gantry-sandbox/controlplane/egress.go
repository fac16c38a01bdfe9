package controlplane

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"sync"
	"time"
)

// kubeletPort is what the fake nodes say that their kubelets listen on.
const kubeletPort = 10250

const headerTimeout = 10 * time.Second

// startEgress keeps the API server from dialling: what it would send to nodes,
// pods, Services and webhooks it asks of this proxy, which connects it to the
// fake kubelets and refuses everything else at once.
func (c *cluster) startEgress(ctx context.Context) error {
	cert, err := tls.LoadX509KeyPair(c.pki.cert("server"), c.pki.key("server"))
	if err != nil {
		return err
	}
	socket, err := c.socket("x.sock")
	if err != nil {
		return err
	}
	var config net.ListenConfig
	listener, err := config.Listen(ctx, "unix", socket)
	if err != nil {
		return err
	}
	c.egressConfig = c.folder.path("egress.yaml")
	if err := writeFile(c.egressConfig, egressConfig(socket)); err != nil {
		return errors.Join(err, listener.Close())
	}
	c.kubelets = newKubelets(c.Now)
	tunnels := &tunnels{conns: make(chan net.Conn), closed: make(chan struct{}), addr: listener.Addr(), cert: cert}
	c.serve(&http.Server{Handler: c.kubelets, ReadHeaderTimeout: headerTimeout}, tunnels)
	c.serve(&http.Server{Handler: http.HandlerFunc(tunnels.connect), ReadHeaderTimeout: headerTimeout}, listener)
	return nil
}

func egressConfig(socket string) []byte {
	connection := fmt.Sprintf("connection: {proxyProtocol: HTTPConnect, transport: {uds: {udsName: %q}}}", socket)
	return fmt.Appendf(nil, `apiVersion: apiserver.k8s.io/v1beta1
kind: EgressSelectorConfiguration
egressSelections:
- name: cluster
  %[1]s
- name: controlplane
  %[1]s
`, connection)
}

// serve runs a server until the cluster stops.
func (c *cluster) serve(server *http.Server, listener net.Listener) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = server.Serve(listener) // it ends when the server is closed
	}()
	c.onStop(func() {
		_ = server.Close()
		<-done
	})
}

// tunnels hands the connections of the proxy to the server of the kubelets.
type tunnels struct {
	conns  chan net.Conn
	closed chan struct{}
	once   sync.Once
	addr   net.Addr
	cert   tls.Certificate
}

// connect answers CONNECT HOST:PORT.
func (t *tunnels) connect(w http.ResponseWriter, r *http.Request) {
	_, port, err := net.SplitHostPort(r.Host)
	if r.Method != http.MethodConnect || err != nil || port != strconv.Itoa(kubeletPort) {
		http.Error(w, "nothing answers at "+r.Host+" in a sandbox", http.StatusServiceUnavailable)
		return
	}
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	if _, err := conn.Write([]byte("HTTP/1.1 200 OK\r\n\r\n")); err != nil {
		_ = conn.Close()
		return
	}
	select {
	case t.conns <- tls.Server(conn, &tls.Config{Certificates: []tls.Certificate{t.cert}, MinVersion: tls.VersionTLS12}):
	case <-t.closed:
		_ = conn.Close()
	}
}

func (t *tunnels) Accept() (net.Conn, error) {
	select {
	case c := <-t.conns:
		return c, nil
	case <-t.closed:
		return nil, net.ErrClosed
	}
}

func (t *tunnels) Close() error {
	t.once.Do(func() { close(t.closed) })
	return nil
}

func (t *tunnels) Addr() net.Addr { return t.addr }

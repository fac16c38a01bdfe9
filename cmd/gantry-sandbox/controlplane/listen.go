package controlplane

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
)

// listen takes the port and writes the kubeconfig for it.
func (c *cluster) listen(ctx context.Context) error {
	kubeconfig := c.folder.path("kubeconfig")
	listener, err := c.listenAgain(ctx, c.Port, lastPort(kubeconfig), loopback)
	if err != nil {
		return err
	}
	c.listener = listener
	c.Port = listener.Addr().(*net.TCPAddr).Port
	if err := c.writeKubeconfig(kubeconfig); err != nil {
		return err
	}
	if c.config, err = clientcmd.BuildConfigFromFlags("", kubeconfig); err != nil {
		return err
	}
	c.config.QPS = -1 // this is the only client that waits for the start
	c.client, err = kubernetes.NewForConfig(c.config)
	return err
}

// portFreedWithin is how long the port of a killed sandbox may stay taken. The kernel
// lets go of the lock of the folder first, then of the memory, and then of the port: some
// 50 ms later, and more on a busy machine.
const portFreedWithin = 5 * time.Second

// listenAgain listens on the wanted port. When none is wanted it listens on the
// last one, so that kubeconfig files stay good, or else on any.
func (c *cluster) listenAgain(ctx context.Context, wanted, last int, listen listenFunc) (net.Listener, error) {
	port := cmp.Or(wanted, last)
	l, err := listen(ctx, port)
	if errors.Is(err, syscall.EADDRINUSE) && port == last && c.folder.killed {
		err = c.poll(ctx, portFreedWithin, func(ctx context.Context) error {
			l, err = listen(ctx, port)
			return err
		})
	}
	if err != nil && wanted == 0 && last != 0 {
		return listen(ctx, 0)
	}
	return l, err
}

// listenFunc is [loopback] but in tests.
type listenFunc func(ctx context.Context, port int) (net.Listener, error)

func loopback(ctx context.Context, port int) (net.Listener, error) {
	var config net.ListenConfig
	return config.Listen(ctx, "tcp4", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
}

// lastPort returns the port in a kubeconfig of an earlier run, or 0.
func lastPort(kubeconfig string) int {
	cfg, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
	if err != nil {
		return 0
	}
	u, err := url.Parse(cfg.Host)
	if err != nil {
		return 0
	}
	port, err := strconv.Atoi(u.Port())
	if err != nil {
		return 0
	}
	return port
}

// writeKubeconfig writes a kubeconfig that needs no other file. Its context is
// named for the folder, so that several sandboxes can be merged into one file.
func (c *cluster) writeKubeconfig(path string) error {
	var certs [3][]byte
	for i, file := range []string{c.pki.cert("ca"), c.pki.cert("admin"), c.pki.key("admin")} {
		var err error
		if certs[i], err = os.ReadFile(file); err != nil {
			return err
		}
	}
	name := "sandbox-" + filepath.Base(c.Dir)
	cfg := clientcmdapi.NewConfig()
	cfg.Clusters[name] = &clientcmdapi.Cluster{Server: fmt.Sprintf("https://127.0.0.1:%d", c.Port), CertificateAuthorityData: certs[0]}
	cfg.AuthInfos[name] = &clientcmdapi.AuthInfo{ClientCertificateData: certs[1], ClientKeyData: certs[2]}
	cfg.Contexts[name] = &clientcmdapi.Context{Cluster: name, AuthInfo: name, Namespace: "default"}
	cfg.CurrentContext = name
	data, err := clientcmd.Write(*cfg)
	if err != nil {
		return err
	}
	return writeFile(path, data)
}

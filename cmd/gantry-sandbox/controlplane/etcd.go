package controlplane

import (
	"context"
	"errors"
	"net/url"
	"time"

	"go.etcd.io/etcd/server/v3/embed"
)

const (
	etcdStart = 30 * time.Second
	// etcdQuota is how large the store may become. The API server gives up history only
	// after five minutes, records of large charts have megabytes, and a store that was
	// full once takes no writes any more, however much is deleted. etcd itself would
	// take 2 GiB, and advises against more than this.
	etcdQuota = 8 << 30
)

// startEtcd runs etcd in this process, on a unix socket only: no port, and the
// mode of the folder keeps other users out.
func (c *cluster) startEtcd(ctx context.Context) error {
	socket, err := c.socket("e.sock")
	if err != nil {
		return err
	}
	client := url.URL{Scheme: "unix", Path: socket}
	e, err := embed.StartEtcd(c.etcdConfig(client))
	if err != nil {
		return err
	}
	c.onStop(e.Close)
	c.etcdURL = client.String()
	select {
	case <-e.Server.ReadyNotify():
		return nil
	case err := <-e.Err():
		return err
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(etcdStart):
		return errors.New("etcd is not ready after " + etcdStart.String())
	}
}

func (c *cluster) etcdConfig(client url.URL) *embed.Config {
	cfg := embed.NewConfig()
	cfg.Dir = c.folder.path("etcd")
	// What is advertised must look like a host and a port, but the only member
	// never dials itself.
	label := url.URL{Scheme: "http", Host: "localhost:2380"}
	cfg.ListenClientUrls, cfg.AdvertiseClientUrls = []url.URL{client}, []url.URL{label}
	cfg.ListenPeerUrls, cfg.AdvertisePeerUrls = nil, []url.URL{label}
	cfg.InitialCluster = cfg.Name + "=" + label.String()
	cfg.QuotaBackendBytes = etcdQuota
	cfg.UnsafeNoFsync = !c.Fsync
	// A single member wins every election: there is no reason to wait a second.
	cfg.TickMs, cfg.ElectionMs = 10, 100
	cfg.LogLevel = "error"
	cfg.LogOutputs = []string{c.folder.path(logFile)}
	return cfg
}

package main

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// process is a server that runs beside this program.
type process struct {
	name, addr string
	cmd        *exec.Cmd
	// took is how long it took to answer.
	took time.Duration
	done chan struct{}
}

// startTimeout is how long a server may take to answer.
const startTimeout = 2 * time.Minute

// start starts a server and waits until it answers at the path.
func (b *bench) start(ctx context.Context, p *process, path string, env []string, argv ...string) (*process, error) {
	p.done = make(chan struct{})
	p.cmd = exec.CommandContext(ctx, argv[0], argv[1:]...)
	p.cmd.Dir = b.dir
	p.cmd.Env = append([]string{"HOME=" + b.dir, "PATH=" + b.path}, env...)
	var out bytes.Buffer
	p.cmd.Stdout, p.cmd.Stderr = &out, &out
	began := b.now()
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	go func() { defer close(p.done); _ = p.cmd.Wait() }()
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	for {
		if resp, err := fetch(ctx, "http://"+p.addr+path, ""); err == nil && resp.status == http.StatusOK {
			p.took = b.now().Sub(began)
			return p, nil
		}
		select {
		case <-p.done:
			return nil, fmt.Errorf("%s has ended: %s", p.name, out.String())
		case <-ctx.Done():
			p.stop()
			return nil, fmt.Errorf("%s does not answer: %s", p.name, out.String())
		case <-time.After(2 * time.Millisecond):
		}
	}
}

// stop ends the process and waits for its end.
func (p *process) stop() {
	_ = p.cmd.Process.Signal(os.Interrupt) // it may have ended
	select {
	case <-p.done:
	case <-time.After(10 * time.Second):
		_ = p.cmd.Process.Kill()
		<-p.done
	}
}

// memory is what the process holds at this moment, in bytes.
func (p *process) memory() int64 {
	text, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(p.cmd.Process.Pid), "status"))
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(text)) {
		var kib int64
		if _, err := fmt.Sscanf(line, "VmRSS: %d kB", &kib); err == nil {
			return kib << 10
		}
	}
	return 0
}

func (b *bench) startGantry(ctx context.Context, env []string, args ...string) (*process, error) {
	addr, err := freeAddress(ctx)
	if err != nil {
		return nil, err
	}
	return b.start(ctx, &process{name: "gantry", addr: addr}, "/readyz", env, append([]string{b.gantry, "repo", "serve", "--listen", addr, "--log-format", "none"}, args...)...)
}

// startNginx lets nginx serve the index that another server has at this moment,
// plain and compressed. It returns nil when nginx is not installed.
func (b *bench) startNginx(ctx context.Context, from string) (*process, error) {
	binary := b.lookPath("nginx")
	if binary == "" {
		return nil, nil
	}
	index, err := fetch(ctx, "http://"+from+"/index.yaml", "identity")
	if err != nil {
		return nil, err
	}
	dir := filepath.Join(b.dir, "nginx")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	packed, err := fetch(ctx, "http://"+from+"/index.yaml", "gzip")
	if err != nil {
		return nil, err
	}
	if unpacked, err := gzip.NewReader(bytes.NewReader(packed.body)); err != nil {
		return nil, err
	} else if plain, err := io.ReadAll(unpacked); err != nil || !bytes.Equal(plain, index.body) {
		return nil, errors.Join(err, errors.New("the compressed index is another one"))
	}
	addr, err := freeAddress(ctx)
	if err != nil {
		return nil, err
	}
	config := fmt.Sprintf(nginxConfig, dir, addr, dir)
	for name, data := range map[string][]byte{"index.yaml": index.body, "index.yaml.gz": packed.body, "nginx.conf": []byte(config)} {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
			return nil, err
		}
	}
	return b.start(ctx, &process{name: "nginx", addr: addr}, "/index.yaml", nil, binary, "-e", filepath.Join(dir, "error.log"), "-c", filepath.Join(dir, "nginx.conf"))
}

const nginxConfig = `daemon off;
user root;
worker_processes auto;
pid %s/nginx.pid;
events { worker_connections 256; }
http {
  access_log off;
  sendfile on;
  tcp_nopush on;
  keepalive_requests 1000000;
  gzip_static on;
  server { listen %s; root %s; }
}
`

// startBucket starts an S3 server with a bucket, and returns what a client of it
// must know as variables. It returns nil when the server is not built.
func (b *bench) startBucket(ctx context.Context) (*process, []string, error) {
	binary := filepath.Join(filepath.Dir(b.helm), "versitygw")
	if _, err := os.Stat(binary); errors.Is(err, fs.ErrNotExist) {
		return nil, nil, nil
	}
	dir := filepath.Join(b.dir, "objects")
	if err := os.MkdirAll(filepath.Join(dir, "charts"), 0o700); err != nil {
		return nil, nil, err
	}
	addr, err := freeAddress(ctx)
	if err != nil {
		return nil, nil, err
	}
	env := []string{"AWS_ACCESS_KEY_ID=bench", "AWS_SECRET_ACCESS_KEY=not-a-secret", "AWS_EC2_METADATA_DISABLED=true"}
	p, err := b.start(ctx, &process{name: "versitygw", addr: addr}, "/health", []string{"ROOT_ACCESS_KEY=bench", "ROOT_SECRET_KEY=not-a-secret"},
		binary, "--port", addr, "--quiet", "--keep-alive", "--health", "/health", "posix", dir)
	return p, env, err
}

type answer struct {
	status int
	tag    string
	body   []byte
}

func fetch(ctx context.Context, url, coding string) (answer, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return answer{}, err
	}
	if coding != "" {
		req.Header.Set("Accept-Encoding", coding)
	}
	transport := &http.Transport{DisableCompression: true}
	defer transport.CloseIdleConnections()
	resp, err := transport.RoundTrip(req)
	if err != nil {
		return answer{}, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	return answer{resp.StatusCode, resp.Header.Get("ETag"), body}, err
}

func freeAddress(ctx context.Context) (string, error) {
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return l.Addr().String(), l.Close()
}

func middle(values []float64) float64 {
	slices.Sort(values)
	return values[len(values)/2]
}

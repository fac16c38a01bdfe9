package objectstore

import (
	"bytes"
	"context"
	"errors"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/container"
)

// Binary, GoogleBinary and AzureBinary are what make builds, below the root of the
// project. The last one needs npm, and only make azure asks for it.
const (
	Binary       = "bin/tools/versitygw"
	GoogleBinary = "bin/tools/fake-gcs-server"
	AzureBinary  = "bin/tools/azurite/node_modules/.bin/azurite-blob"
)

// Credentials that the server takes.
const (
	AccessKey = "gantry-tests"
	SecretKey = "not-a-secret"
)

// Account and AccountKey are those of the server that stands in for Azure.
const (
	Account    = "gantrytests"
	AccountKey = "bm90LWEtc2VjcmV0"
)

// Bucket is there from the start.
const Bucket = "charts"

// startTimeout is how long a server may take to listen.
const startTimeout = 30 * time.Second

// Server is a running server.
type Server struct {
	// URL is its endpoint.
	URL string
	// Dir holds the buckets as folders, and the objects of S3 as files.
	Dir string
}

// Start starts an S3 server with one bucket. Tags are extended attributes of the files,
// for in files of their own they would not be replaced together with the content.
func Start(tb testing.TB) *Server {
	tb.Helper()
	return start(tb, Binary, "/health", func(host, port, dir string) (args, env []string) {
		return []string{"--port", host + ":" + port, "--quiet", "--keep-alive", "--health", "/health", "posix", dir},
			[]string{"ROOT_ACCESS_KEY=" + AccessKey, "ROOT_SECRET_KEY=" + SecretKey}
	})
}

// StartGoogle starts a server that stands in for Google Cloud Storage, with one bucket.
// It keeps objects in memory: in files, it would replace content and generation one
// after the other.
func StartGoogle(tb testing.TB) *Server {
	tb.Helper()
	return start(tb, GoogleBinary, "/_internal/healthcheck", func(host, port, dir string) (args, env []string) {
		return []string{"-scheme", "http", "-host", host, "-port", port, "-backend", "memory", "-data", dir, "-log-level", "error"}, nil
	})
}

// StartAzure starts a server that stands in for Azure Blob Storage, with one container.
// Its URL is that of the account.
func StartAzure(tb testing.TB) *Server {
	tb.Helper()
	s := start(tb, AzureBinary, "", func(host, port, _ string) (args, env []string) {
		return []string{"--blobHost", host, "--blobPort", port, "--inMemoryPersistence", "--silent", "--skipApiVersionCheck", "--disableTelemetry"},
			[]string{"AZURITE_ACCOUNTS=" + Account + ":" + AccountKey}
	})
	s.URL += "/" + Account
	key, err := container.NewSharedKeyCredential(Account, AccountKey)
	if err != nil {
		tb.Fatal(err)
	}
	c, err := container.NewClientWithSharedKeyCredential(s.URL+"/"+Bucket, key, nil)
	if err != nil {
		tb.Fatal(err)
	}
	if _, err := c.Create(tb.Context(), nil); err != nil {
		tb.Fatal(err)
	}
	return s
}

// start starts a server. Where it is not built, the test is skipped; make test builds
// it.
func start(tb testing.TB, binary, health string, command func(host, port, dir string) (args, env []string)) *Server {
	tb.Helper()
	path := find(tb, binary)
	s := &Server{Dir: tb.TempDir()}
	if err := os.Mkdir(filepath.Join(s.Dir, Bucket), 0o700); err != nil {
		tb.Fatal(err)
	}
	addr := freeAddress(tb)
	s.URL = "http://" + addr
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		tb.Fatal(err)
	}
	args, env := command(host, port, s.Dir)
	c := exec.CommandContext(context.WithoutCancel(tb.Context()), path, args...)
	c.Env = append(c.Environ(), env...)
	var out bytes.Buffer
	c.Stdout, c.Stderr = &out, &out
	if err := c.Start(); err != nil {
		tb.Fatal(err)
	}
	ended := make(chan struct{})
	go func() { defer close(ended); _ = c.Wait() }()
	tb.Cleanup(func() {
		_ = c.Process.Kill()
		<-ended
	})
	if err := s.await(tb.Context(), health, ended); err != nil {
		_ = c.Process.Kill()
		<-ended
		tb.Fatalf("%v\n%s", err, out.String())
	}
	return s
}

// Env is what the tools of AWS need to know of the server, as variables.
func (s *Server) Env() []string {
	return []string{
		"AWS_ENDPOINT_URL=" + s.URL, "AWS_REGION=us-east-1",
		"AWS_ACCESS_KEY_ID=" + AccessKey, "AWS_SECRET_ACCESS_KEY=" + SecretKey,
	}
}

// find looks for the binary below the folders above the test's own.
func find(tb testing.TB, binary string) string {
	tb.Helper()
	dir, err := os.Getwd()
	if err != nil {
		tb.Fatal(err)
	}
	for {
		path := filepath.Join(dir, filepath.FromSlash(binary))
		if _, err := os.Stat(path); err == nil {
			return path
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			target, _, _ := strings.Cut(binary, "/node_modules/")
			tb.Skipf("%s is missing: build it with make %s", binary, target)
		}
		dir = parent
	}
}

func freeAddress(tb testing.TB) string {
	tb.Helper()
	l, err := (&net.ListenConfig{}).Listen(tb.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// await waits until the server answers: at the path of its health, if it has one.
func (s *Server) await(ctx context.Context, health string, ended <-chan struct{}) error {
	deadline, ticker := time.NewTimer(startTimeout), time.NewTicker(20*time.Millisecond)
	defer deadline.Stop()
	defer ticker.Stop()
	for {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.URL+health, nil)
		if err != nil {
			return err
		}
		if resp, err := http.DefaultClient.Do(req); err == nil {
			_ = resp.Body.Close()
			if resp.StatusCode == http.StatusOK || health == "" {
				return nil
			}
		}
		select {
		case <-ticker.C:
		case <-ended:
			return errors.New("the object store has ended")
		case <-deadline.C:
			return errors.New("the object store does not answer")
		}
	}
}

// SetCredentials gives this process the credentials of the server, and keeps it
// from looking for others.
func SetCredentials() {
	for name, value := range map[string]string{
		"AWS_ACCESS_KEY_ID": AccessKey, "AWS_SECRET_ACCESS_KEY": SecretKey,
		"AWS_CONFIG_FILE": os.DevNull, "AWS_SHARED_CREDENTIALS_FILE": os.DevNull, "AWS_EC2_METADATA_DISABLED": "true",
	} {
		_ = os.Setenv(name, value) // the names are valid
	}
}

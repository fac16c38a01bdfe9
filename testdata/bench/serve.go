package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"sync/atomic"
	"time"
)

const (
	// clients is how many connections ask at once.
	clients = 8
	// loadTime is how long each load lasts, and rounds how often it is measured.
	loadTime = 2 * time.Second
	rounds   = 3
	// background is how many uploads a second run beside the readers.
	background = 50
)

// serve compares the repository server with nginx, which serves the same bytes
// from files, and measures uploads to a folder and to a bucket.
func (b *bench) serve(ctx context.Context) error {
	reads := b.table("versions", "GET index", "nginx", "gantry", "ratio")
	writes := b.table("versions", "warm start", "memory then", "GETs/s beside 50 uploads/s", "uploads/s", "p50", "p99")
	for _, versions := range []int{1_000, 10_000, 100_000} {
		if err := b.serveOne(ctx, versions, reads, writes); err != nil {
			return fmt.Errorf("%d versions: %w", versions, err)
		}
	}
	return errors.Join(b.end(reads), b.end(writes), b.bucket(ctx))
}

// serveOne measures a repository of so many versions.
func (b *bench) serveOne(ctx context.Context, versions int, reads, writes io.Writer) error {
	dir := filepath.Join(b.dir, fmt.Sprintf("repository-%d", versions))
	defer os.RemoveAll(dir)
	if err := writeRepository(dir, versions); err != nil {
		return err
	}
	var starts []sample
	for range rounds {
		s, err := b.startGantry(ctx, nil, "--dir", dir)
		if err != nil {
			return err
		}
		starts = append(starts, sample{time: s.took, rss: s.memory()})
		s.stop()
	}
	s, err := b.startGantry(ctx, nil, "--dir", dir)
	if err != nil {
		return err
	}
	defer s.stop()
	if err := b.compareReads(ctx, s, versions, reads); err != nil {
		return err
	}
	beside, err := b.readsBesideUploads(ctx, s.addr)
	if err != nil {
		return err
	}
	uploads, err := b.uploading(s.addr).run(ctx)
	fmt.Fprintf(writes, "%d\t%s\t%s\t%.0f\t%.0f\t%s\t%s\n", versions,
		ms(median(starts, func(s sample) time.Duration { return s.time })), mib(median(starts, func(s sample) int64 { return s.rss })),
		beside, uploads.perSecond(), ms(uploads.wait(0.5)), ms(uploads.wait(0.99)))
	return err
}

// compareReads lets the server and nginx answer in turn.
func (b *bench) compareReads(ctx context.Context, s *process, versions int, out io.Writer) error {
	nginx, err := b.startNginx(ctx, s.addr)
	if err != nil {
		return err
	}
	if nginx == nil {
		fmt.Fprintf(out, "%d\tskipped: nginx is not installed\t-\t-\t-\n", versions)
		return nil
	}
	defer nginx.stop()
	for _, kind := range []struct {
		name, header string
		want         int
	}{
		{"identity", "Accept-Encoding: identity", http.StatusOK},
		{"gzip", "Accept-Encoding: gzip", http.StatusOK},
		{"304", "", http.StatusNotModified},
	} {
		var theirs, ours []float64
		for range rounds {
			for server, rates := range map[*process]*[]float64{nginx: &theirs, s: &ours} {
				rate, err := b.readRate(ctx, server.addr, kind.header, kind.want)
				if err != nil {
					return fmt.Errorf("%s of %s: %w", kind.name, server.name, err)
				}
				*rates = append(*rates, rate)
			}
		}
		fmt.Fprintf(out, "%d\t%s\t%.0f/s\t%.0f/s\t%.2f\n", versions, kind.name, middle(theirs), middle(ours), middle(ours)/middle(theirs))
	}
	return nil
}

// readRate returns how often a second a server sends the index, or without a
// header, that it has not changed.
func (b *bench) readRate(ctx context.Context, addr, header string, want int) (float64, error) {
	if header == "" {
		a, err := fetch(ctx, "http://"+addr+"/index.yaml", "")
		if err != nil {
			return 0, err
		}
		header = "If-None-Match: " + a.tag
	}
	o, err := load{now: b.now, addr: addr, connections: clients, lasts: loadTime, next: get("/index.yaml", header), want: want}.run(ctx)
	return o.perSecond(), err
}

// readsBesideUploads reads the index while charts are uploaded, and returns how
// often a second that was possible.
func (b *bench) readsBesideUploads(ctx context.Context, addr string) (float64, error) {
	uploads := b.uploading(addr)
	uploads.rate, uploads.connections = background, 2
	done := make(chan error, 1)
	go func() {
		_, err := uploads.run(ctx)
		done <- err
	}()
	o, err := load{now: b.now, addr: addr, connections: clients, lasts: uploads.lasts, next: get("/index.yaml"), want: http.StatusOK}.run(ctx)
	return o.perSecond(), errors.Join(err, <-done)
}

// bucket measures uploads to an S3 server.
func (b *bench) bucket(ctx context.Context) error {
	w := b.table("store", "uploads/s", "p50", "p99")
	store, env, err := b.startBucket(ctx)
	if err != nil {
		return err
	}
	if store == nil {
		fmt.Fprintln(w, "bucket\tskipped: make bin/tools/versitygw builds the S3 server\t-\t-")
		return b.end(w)
	}
	defer store.stop()
	s, err := b.startGantry(ctx, env, "--store", "s3://charts", "--s3-endpoint", "http://"+store.addr, "--s3-region", "us-east-1")
	if err != nil {
		return err
	}
	defer s.stop()
	o, err := b.uploading(s.addr).run(ctx)
	if err != nil {
		return err
	}
	fmt.Fprintf(w, "bucket\t%.0f\t%s\t%s\n", o.perSecond(), ms(o.wait(0.5)), ms(o.wait(0.99)))
	return b.end(w)
}

//nolint:gochecknoglobals // uploads have names of their own for as long as the process lives
var uploaded atomic.Int64

// madeBefore is how many uploads are made before the server is asked to take them,
// more than it takes in the time that it has.
const madeBefore = 10_000

// uploading publishes new versions of charts, each request another one.
func (b *bench) uploading(addr string) load {
	requests := make(chan []byte, madeBefore)
	for range madeBefore {
		n := uploaded.Add(1)
		requests <- post(archiveOf(fmt.Sprintf("chart-%04d", n%20), fmt.Sprintf("2.0.%d", n)))
	}
	return load{
		now: b.now, addr: addr, connections: clients, lasts: 2 * loadTime, want: http.StatusCreated,
		next: func() []byte { return <-requests },
	}
}

// archiveOf packs a small chart, without compressing it: this program shares the
// processors with the server.
func archiveOf(name, version string) []byte {
	var out bytes.Buffer
	zip, _ := gzip.NewWriterLevel(&out, gzip.NoCompression) // the level is valid
	archive := tar.NewWriter(zip)
	for _, f := range [][2]string{
		{"Chart.yaml", fmt.Sprintf("apiVersion: v2\nname: %s\nversion: %s\ndescription: a chart that is uploaded\n", name, version)},
		{"values.yaml", "replicas: 1\n"},
		{"templates/service.yaml", "apiVersion: v1\nkind: Service\nmetadata:\n  name: web\n"},
	} {
		_ = archive.WriteHeader(&tar.Header{Name: name + "/" + f[0], Mode: 0o644, Size: int64(len(f[1]))}) // memory takes everything
		_, _ = io.WriteString(archive, f[1])
	}
	_, _ = archive.Close(), zip.Close()
	return out.Bytes()
}

// perChart is how many versions a chart has.
const perChart = 50

// writeRepository writes the records of so many versions, as a server leaves
// them. Their archives are not there: nobody downloads one.
func writeRepository(dir string, versions int) error {
	folder := filepath.Join(dir, "gantry", "index")
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return err
	}
	for c := range versions / perChart {
		name := fmt.Sprintf("chart-%04d", c)
		record := bytes.NewBufferString(fmt.Sprintf(`{"chart":%q,"versions":[`, name))
		for v := range perChart {
			if v > 0 {
				record.WriteByte(',')
			}
			version, digest, entry := entryOf(name, c, v)
			fmt.Fprintf(record, `{"version":%q,"digest":%q,"size":870,"created":"2026-05-01T00:00:00Z","archive":"gantry/blobs/sha256/00/%s","entry":%s}`,
				version, digest, digest, entry)
		}
		record.WriteString(`]}`)
		if err := os.WriteFile(filepath.Join(folder, name+".json"), record.Bytes(), 0o600); err != nil {
			return err
		}
	}
	return nil
}

// entryOf is a version as an index has it, as long as those of real charts are.
func entryOf(name string, chart, place int) (version, digest, entry string) {
	version, digest = fmt.Sprintf("1.%d.0", perChart-place), fmt.Sprintf("%032x%032x", chart, place)
	return version, digest, fmt.Sprintf(`{"name":%q,"home":"https://example.org/%s","sources":["https://git.example.org/charts/%s","https://git.example.org/%s"],"version":%q,"description":"%s serves what its users ask for, and keeps what they give it","keywords":["web","http","proxy","cache"],"maintainers":[{"name":"Team A","email":"team-a@example.org"},{"name":"Team B","email":"team-b@example.org"}],"icon":"https://example.org/%s.svg","apiVersion":"v2","appVersion":"2.4.1","annotations":{"category":"Infrastructure","licenses":"Apache-2.0"},"kubeVersion":">=1.25.0-0","dependencies":[{"name":"common","version":"2.x.x","repository":"https://charts.example.org/common"}],"type":"application","urls":["charts/%s-%s.tgz"],"created":"2026-05-01T00:00:00Z","digest":%q}`,
		name, name, name, name, version, name, name, name, version, digest)
}

// lookPath finds a rival that may not be there.
func (b *bench) lookPath(name string) string {
	for _, dir := range append(filepath.SplitList(b.path), "/usr/sbin", "/usr/local/sbin") {
		if path, err := exec.LookPath(filepath.Join(dir, name)); err == nil {
			return path
		}
	}
	return ""
}

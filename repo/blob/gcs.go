package blob

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"golang.org/x/oauth2"
	"golang.org/x/oauth2/google"
)

// GCSOptions say where a bucket of Google Cloud Storage is. Credentials are found
// where Google's tools find them: the file of GOOGLE_APPLICATION_CREDENTIALS, that of
// gcloud, the service account of the pod or machine.
type GCSOptions struct {
	Bucket string
	// Prefix is where in the bucket the store is. Default: its root.
	Prefix string
	// Emulator is the address or URL of a server that stands in for Google's, as
	// STORAGE_EMULATOR_HOST has it. It is not given any credentials.
	Emulator string
	// Alone promises that no other process writes to the bucket. It is for
	// emulators that do not know conditional writes.
	Alone bool
}

// ParseGCS reads gs://BUCKET/PREFIX.
func ParseGCS(text string) (o GCSOptions, err error) {
	o.Bucket, o.Prefix, err = parseBucket("gs", text)
	return o, err
}

const (
	gcsEndpoint = "https://storage.googleapis.com"
	// gcsScope is what tokens are asked for: to read and write objects.
	gcsScope = "https://www.googleapis.com/auth/devstorage.read_write"
	// gcsTokenTimeout is how long it may take to get a token.
	gcsTokenTimeout = 15 * time.Second
)

// OpenGCS opens a bucket as a store.
func OpenGCS(ctx context.Context, o GCSOptions) (*Bucket, error) {
	server := &gcsServer{endpoint: gcsEndpoint, bucket: o.Bucket, client: bucketClient()}
	var err error
	if o.Emulator != "" {
		server.endpoint, err = emulatorURL(o.Emulator)
	} else {
		server.tokens, err = gcsTokens(ctx)
	}
	if err != nil {
		return nil, err
	}
	return openBucket(ctx, &Bucket{server: server, url: "gs://" + o.Bucket + "/"}, o.Prefix, o.Alone)
}

// gcsTokens finds credentials. What they give out is asked for as long as the store is
// used, which may be longer than it is opened: while a server ends, its requests go on.
func gcsTokens(ctx context.Context) (oauth2.TokenSource, error) {
	ctx = context.WithValue(context.WithoutCancel(ctx), oauth2.HTTPClient, &http.Client{Timeout: gcsTokenTimeout})
	found, err := google.FindDefaultCredentials(ctx, gcsScope)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrCredentials, err)
	}
	return found.TokenSource, nil
}

// emulatorURL reads HOST:PORT or a URL, as Google's own clients do.
func emulatorURL(text string) (string, error) {
	full := text
	if !strings.Contains(text, "://") {
		full = "http://" + text
	}
	u, err := url.Parse(full)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return "", fmt.Errorf("STORAGE_EMULATOR_HOST: %q is neither HOST:PORT nor an http or https URL", text)
	}
	return u.Scheme + "://" + u.Host, nil
}

package blob_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"gantry/repo/blob"
	"gantry/testdata/objectstore"
)

func openAzure(t *testing.T, o blob.AzureOptions) *blob.Bucket {
	t.Helper()
	return opened(t, blob.OpenAzure, o)
}

// azureAt names the container of the tests at an endpoint, which is that of the account.
func azureAt(endpoint, prefix string) blob.AzureOptions {
	return blob.AzureOptions{
		Container: objectstore.Bucket, Prefix: prefix, Endpoint: endpoint,
		Account: objectstore.Account, Key: objectstore.AccountKey,
	}
}

func refuseAzure(w http.ResponseWriter, status int, code string) {
	if code == "NoSuchBucket" {
		code = "ContainerNotFound"
	}
	w.Header().Set("Content-Type", "application/xml")
	w.Header().Set("X-Ms-Error-Code", code)
	w.WriteHeader(status)
	fmt.Fprintf(w, "<Error><Code>%s</Code><Message>the test says so\nRequestId:1\nTime:2</Message></Error>", code)
}

// azureFake answers as a container that holds nothing, but for what the test says.
func azureFake(t *testing.T, answer http.HandlerFunc) string {
	t.Helper()
	front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if isList(r) {
			w.Header().Set("Content-Type", "application/xml")
			_, _ = io.WriteString(w, "<EnumerationResults><Blobs/><NextMarker/></EnumerationResults>")
			return
		}
		answer(w, r)
	}))
	t.Cleanup(front.Close)
	return front.URL
}

func TestAzureOpens(t *testing.T) {
	t.Parallel()
	server := objectstore.StartAzure(t)
	missing := azureAt(server.URL, "")
	missing.Container = "no-such-container"
	_, err := blob.OpenAzure(t.Context(), missing)
	if !errors.Is(err, blob.ErrNoBucket) || !strings.Contains(err.Error(), "az://no-such-container/") {
		t.Errorf("a container that is not there: %v", err)
	}
	wrong := azureAt(server.URL, "")
	wrong.Key = "b3RoZXI="
	// Azure itself says AuthenticationFailed.
	_, err = blob.OpenAzure(t.Context(), wrong)
	wantErr(t, err, fs.ErrPermission)
	openAzure(t, blob.AzureOptions{Container: objectstore.Bucket, ConnectionString: "DefaultEndpointsProtocol=http;AccountName=" + objectstore.Account +
		";AccountKey=" + objectstore.AccountKey + ";BlobEndpoint=" + server.URL})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := blob.OpenAzure(ctx, azureAt(server.URL, "")); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

// TestAzureOptions wants what cannot lead to a container to be told without its secrets.
func TestAzureOptions(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		o    blob.AzureOptions
		want error
	}{
		"no account":          {blob.AzureOptions{Key: objectstore.AccountKey}, blob.ErrNoAccount},
		"a key and no name":   {blob.AzureOptions{Endpoint: "https://127.0.0.1", Key: objectstore.AccountKey}, blob.ErrNoAccount},
		"a key that is none":  {blob.AzureOptions{Account: "a", Key: "hidden!"}, blob.ErrCredentials},
		"a connection string": {blob.AzureOptions{ConnectionString: "AccountKey=hidden"}, blob.ErrCredentials},
		"an endpoint":         {blob.AzureOptions{Account: "a", Endpoint: "a.blob.example.com"}, nil},
		"an endpoint with a signature": {
			blob.AzureOptions{Account: "a", Endpoint: "https://a.blob.example.com/?sig=x"}, nil,
		},
	} {
		tc.o.Container = "charts"
		_, err := blob.OpenAzure(t.Context(), tc.o)
		if err == nil || tc.want != nil && !errors.Is(err, tc.want) || strings.Contains(err.Error(), "hidden") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestAzureWithoutCredentials looks for them where there are none.
func TestAzureWithoutCredentials(t *testing.T) {
	t.Setenv("AZURE_TOKEN_CREDENTIALS", "EnvironmentCredential")
	for _, name := range []string{"AZURE_TENANT_ID", "AZURE_CLIENT_ID", "AZURE_CLIENT_SECRET"} {
		t.Setenv(name, "")
	}
	_, err := blob.OpenAzure(t.Context(), blob.AzureOptions{Container: "charts", Account: "nobody"})
	wantErr(t, err, blob.ErrCredentials)
	if err == nil || strings.Contains(err.Error(), "\n") || !strings.Contains(err.Error(), "AZURE_TENANT_ID") {
		t.Errorf("got %v", err)
	}
}

// TestAzureSignature sends a shared access signature, and tells it nobody.
func TestAzureSignature(t *testing.T) {
	t.Parallel()
	var sent atomic.Value
	endpoint := azureFake(t, func(w http.ResponseWriter, r *http.Request) {
		sent.Store(r.URL.Query().Get("sig") + r.Header.Get("Authorization"))
		hangUp(w)
	})
	s := openAzure(t, blob.AzureOptions{Container: "charts", Endpoint: endpoint, SAS: "?sv=2030-01-01&sig=hidden"})
	_, err := s.Stat(t.Context(), "key")
	if err == nil || strings.Contains(err.Error(), "hidden") || sent.Load() != "hidden" {
		t.Errorf("sent %q, got %v", sent.Load(), err)
	}
}

// TestAzureRefusals wants what the server says to be told, in short, and none of it to
// pass for an object that is not there.
func TestAzureRefusals(t *testing.T) {
	t.Parallel()
	var answer atomic.Pointer[http.HandlerFunc]
	s := openAzure(t, azureAt(azureFake(t, func(w http.ResponseWriter, r *http.Request) { (*answer.Load())(w, r) }), ""))
	refuse := func(status int, code string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) { refuseAzure(w, status, code) }
	}
	text := func(status int, body string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Location", "http://127.0.0.1:1/")
			w.WriteHeader(status)
			_, _ = io.WriteString(w, body)
		}
	}
	for name, tc := range map[string]struct {
		answer http.HandlerFunc
		want   error
		text   string
	}{
		"no rights":    {refuse(http.StatusForbidden, "AuthorizationPermissionMismatch"), fs.ErrPermission, "403 AuthorizationPermissionMismatch: the test says so"},
		"a wrong key":  {refuse(http.StatusForbidden, "AuthenticationFailed"), blob.ErrCredentials, "403 AuthenticationFailed"},
		"no container": {refuse(http.StatusNotFound, "ContainerNotFound"), blob.ErrNoBucket, "the test says so"},
		"a lease":      {refuse(http.StatusPreconditionFailed, "LeaseIdMissing"), nil, "412 LeaseIdMissing"},
		"a redirect":   {text(http.StatusFound, ""), nil, "302"},
		"a long text":  {text(http.StatusBadRequest, strings.Repeat("long ", 10_000)), nil, "long …"},
		"a page":       {text(http.StatusCreated, "<html>"), nil, "not that of Azure"},
	} {
		answer.Store(&tc.answer)
		_, err := s.PutIfMatch(t.Context(), "key", "0x8D", body("y"))
		if err == nil || errors.Is(err, blob.ErrMismatch) || tc.want != nil && !errors.Is(err, tc.want) || !strings.Contains(err.Error(), tc.text) ||
			len(err.Error()) > 1200 || strings.Contains(err.Error(), "RequestId") {
			t.Errorf("%s: got %v", name, err)
		}
	}
	page := text(http.StatusOK, "<html>")
	answer.Store(&page)
	if _, err := s.Open(t.Context(), "key"); err == nil || !strings.Contains(err.Error(), "not that of Azure") {
		t.Errorf("an answer without an ETag: %v", err)
	}
}

// TestAzureListings wants answers that are none, or never end, to be errors.
func TestAzureListings(t *testing.T) {
	t.Parallel()
	var listing atomic.Value
	listing.Store("<EnumerationResults><Blobs/></EnumerationResults>")
	front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/xml")
		_, _ = io.WriteString(w, listing.Load().(string))
	}))
	t.Cleanup(front.Close)
	s := openAzure(t, azureAt(front.URL, ""))
	for _, text := range []string{
		"", "<html>", "hello", "<EnumerationResults/>",
		"<EnumerationResults><Blobs><Blob><Name>a</Name></Blob></Blobs></EnumerationResults>",
		"<EnumerationResults><Blobs><Blob><Name>a</Name><Properties><Etag>*</Etag></Properties></Blob></Blobs></EnumerationResults>",
		"<EnumerationResults><Blobs/><NextMarker>again</NextMarker></EnumerationResults>",
	} {
		listing.Store(text)
		var last error
		for _, err := range s.List(t.Context(), "", "") {
			last = err
		}
		if last == nil {
			t.Errorf("%s passes for a listing", text)
		}
	}
}

// TestAzureAsksForTags looks at what a write says on the wire.
func TestAzureAsksForTags(t *testing.T) {
	t.Parallel()
	var said []string
	s := openAzure(t, azureAt(azureFake(t, func(w http.ResponseWriter, r *http.Request) {
		content, _ := io.ReadAll(r.Body)
		if r.Header.Get("Content-Md5") == "" || r.Header.Get("X-Ms-Meta-Gantry_writer") == "" {
			t.Errorf("the header is %v", r.Header)
		}
		said = append(said, strings.Join([]string{r.URL.Path, r.Header.Get("If-None-Match"), r.Header.Get("If-Match"), string(content)}, " "))
		w.Header().Set("ETag", `"0x8DB0"`)
		w.Header().Set("Last-Modified", "Sun, 22 Nov 2026 12:00:00 GMT")
		w.WriteHeader(http.StatusCreated)
	}), "p/q"))
	etag := create(t, s, "a+b/c@d", "content")
	rest := body("skipped next")
	if _, err := rest.Seek(8, io.SeekStart); err != nil {
		t.Fatal(err)
	}
	if _, err := s.PutIfMatch(t.Context(), "key", etag, rest); err != nil {
		t.Error(err)
	}
	if _, err := s.Put(t.Context(), "key", body("any")); err != nil {
		t.Error(err)
	}
	// Every object would match a star.
	for _, none := range []string{"*", `"0x8DB0"`, "a, b"} {
		_, err := s.PutIfMatch(t.Context(), "key", none, body("no"))
		wantErr(t, err, blob.ErrMismatch)
	}
	want := `/charts/p/q/a+b/c@d *  content, /charts/p/q/key  "0x8DB0" next, /charts/p/q/key   any`
	if got := strings.Join(said, ", "); got != want {
		t.Errorf("said %s, want %s", got, want)
	}
}

func TestParseAzure(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]blob.AzureOptions{
		"az://charts":      {Container: "charts"},
		"az://charts/a/b/": {Container: "charts", Prefix: "a/b"},
	} {
		if got, err := blob.ParseAzure(text); err != nil || got != want {
			t.Errorf("%s: got %+v, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "charts", "az://", "s3://charts", "az://charts/../a", "az://u:p@charts", "az://charts?x=1"} {
		if got, err := blob.ParseAzure(text); err == nil {
			t.Errorf("%q passes as %+v", text, got)
		}
	}
}

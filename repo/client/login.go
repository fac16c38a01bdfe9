package client

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"

	"oras.land/oras-go/v2/registry/remote"
	"oras.land/oras-go/v2/registry/remote/auth"
	"oras.land/oras-go/v2/registry/remote/credentials"
	"oras.land/oras-go/v2/registry/remote/retry"
)

// Login checks a user and a password with an OCI registry, and keeps them where
// Helm keeps them: in the credential helper of the machine, or in its file.
func (c *Client) Login(ctx context.Context, host, username, password string) error {
	store, err := c.credentials()
	if err != nil {
		return err
	}
	registry, err := remote.NewRegistry(host)
	if err != nil {
		return &ReferenceError{host}
	}
	registry.PlainHTTP = c.plainHTTP
	client := &auth.Client{Client: c.registryHTTP(retry.NewTransport(c.registries)), Cache: auth.NewCache()}
	client.SetUserAgent(c.userAgent)
	registry.Client = client
	if err := os.MkdirAll(filepath.Dir(c.paths.Registry), 0o700); err != nil {
		return err
	}
	if err := tryPassword(ctx, client, registry, username, password); err != nil {
		return err
	}
	err = credentials.Login(ctx, store, registry, auth.Credential{Username: username, Password: password})
	if err != nil {
		return ociError(err, &remote.Repository{Reference: registry.Reference}, host, "")
	}
	return nil
}

// tryPassword shows a password to a registry that asks for none, because everybody may
// read there: a wrong one would be kept, and refused when something is pushed.
func tryPassword(ctx context.Context, client *auth.Client, registry *remote.Registry, username, password string) error {
	if registry.Ping(ctx) != nil {
		return nil // it asks, or does not answer, which is told when it is asked again
	}
	scheme := "https"
	if registry.PlainHTTP {
		scheme = "http"
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, scheme+"://"+registry.Reference.Host()+"/v2/", http.NoBody)
	if err != nil {
		return err
	}
	req.SetBasicAuth(username, password)
	resp, err := client.Do(req)
	if err != nil {
		return &UnreachableError{Method: req.Method, URL: req.URL.Redacted(), Err: err}
	}
	defer resp.Body.Close()
	if resp.StatusCode == http.StatusUnauthorized {
		return statusError(req, resp)
	}
	return nil
}

// Logout forgets the password of a registry.
func (c *Client) Logout(ctx context.Context, host string) error {
	store, err := c.credentials()
	if err != nil {
		return err
	}
	return credentials.Logout(ctx, store, host)
}

// credentials is where passwords of registries are kept.
func (c *Client) credentials() (*credentials.DynamicStore, error) {
	store, err := credentials.NewStore(c.paths.Registry, credentials.StoreOptions{AllowPlaintextPut: true, DetectDefaultNativeStore: true})
	if err != nil {
		return nil, fmt.Errorf("read the credentials in %s: %w", c.paths.Registry, err)
	}
	return store, nil
}

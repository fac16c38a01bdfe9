package client

import (
	"context"
	"fmt"
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
	err = credentials.Login(ctx, store, registry, auth.Credential{Username: username, Password: password})
	if err != nil {
		return ociError(err, &remote.Repository{Reference: registry.Reference}, host, "")
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

package blob

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/container"
)

// AzureOptions say where a container of Azure Blob Storage is. Of the three secrets one
// is needed at most: without any, credentials of Microsoft Entra ID are found where
// Azure's tools find them, which are AZURE_CLIENT_ID and its like, the workload identity
// of the pod, the managed identity of the machine, the login of az.
type AzureOptions struct {
	Container string
	// Prefix is where in the container the store is. Default: its root.
	Prefix string
	// Account is the name of the storage account.
	Account string
	// Endpoint is the URL of the account's blobs where it is not that of Azure's
	// public cloud.
	Endpoint string
	// ConnectionString says all of this and the key, as Azure's portal shows it.
	ConnectionString string
	// Key is one of the two keys of the account.
	Key string
	// SAS is a shared access signature.
	SAS string
	// Alone promises that no other process writes to the container.
	Alone bool
}

// ParseAzure reads az://CONTAINER/PREFIX.
func ParseAzure(text string) (o AzureOptions, err error) {
	o.Container, o.Prefix, err = parseBucket("az", text)
	return o, err
}

// ErrNoAccount reports that nothing says in which storage account a container is.
var ErrNoAccount = errors.New("the storage account of the container is not known")

// OpenAzure opens a container as a store.
func OpenAzure(ctx context.Context, o AzureOptions) (*Bucket, error) {
	client, err := o.client()
	if err != nil {
		return nil, err
	}
	return openBucket(ctx, &Bucket{server: &azureServer{client: client}, url: "az://" + o.Container + "/"}, o.Prefix, o.Alone)
}

func (o AzureOptions) client() (*container.Client, error) {
	options := &container.ClientOptions{ClientOptions: azcore.ClientOptions{
		Transport: bucketClient(),
		// What is sent again is decided by Bucket.
		Retry:     policy.RetryOptions{MaxRetries: -1},
		Telemetry: policy.TelemetryOptions{ApplicationID: "gantry"},
	}}
	if o.ConnectionString != "" {
		c, err := container.NewClientFromConnectionString(o.ConnectionString, o.Container, options)
		if err != nil { // what the library says has the string in it
			return nil, fmt.Errorf("%w: the connection string is none of a storage account", ErrCredentials)
		}
		return c, nil
	}
	at, err := o.url()
	if err != nil {
		return nil, err
	}
	switch {
	case o.Key != "":
		key, err := container.NewSharedKeyCredential(o.Account, o.Key)
		if err != nil {
			return nil, fmt.Errorf("%w: the key of the account is not in base64", ErrCredentials)
		}
		return container.NewClientWithSharedKeyCredential(at, key, options)
	case o.SAS != "":
		return container.NewClientWithNoCredential(at+"?"+strings.TrimPrefix(o.SAS, "?"), options)
	default:
		found, err := azidentity.NewDefaultAzureCredential(nil)
		if err != nil {
			return nil, fmt.Errorf("%w: %s", ErrCredentials, oneLine(err.Error()))
		}
		return container.NewClient(at, azureTokens{found}, options)
	}
}

// url is that of the container.
func (o AzureOptions) url() (string, error) {
	if o.Account == "" && (o.Endpoint == "" || o.Key != "") {
		return "", ErrNoAccount
	}
	endpoint := cmp.Or(o.Endpoint, "https://"+o.Account+".blob.core.windows.net")
	u, err := url.Parse(endpoint)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" || u.RawQuery != "" || u.Fragment != "" || u.User != nil {
		return "", fmt.Errorf("%q is no address of a storage account's blobs, such as https://ACCOUNT.blob.core.windows.net", endpoint)
	}
	return u.JoinPath(o.Container).String(), nil
}

// azureTokens tells that it is the credentials that are missing.
type azureTokens struct{ azcore.TokenCredential }

func (a azureTokens) GetToken(ctx context.Context, o policy.TokenRequestOptions) (azcore.AccessToken, error) {
	token, err := a.TokenCredential.GetToken(ctx, o)
	if err == nil || ctx.Err() != nil {
		return token, err
	}
	later := false
	if said, ok := errors.AsType[*azidentity.AuthenticationFailedError](err); ok && said.RawResponse != nil {
		later = passes(said.RawResponse.StatusCode)
	}
	return token, &answerError{text: ErrCredentials.Error() + ": " + oneLine(err.Error()), err: ErrCredentials, later: later}
}

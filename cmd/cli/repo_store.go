package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"gantry/repo/blob"
	"gantry/repo/server"
)

// storeOptions say where a repository keeps its charts.
type storeOptions struct {
	url              string
	endpoint, region string
	single           bool
	refresh          time.Duration
}

// bindBucket binds the flags that say where a bucket is.
func (o *storeOptions) bindBucket(f *pflag.FlagSet) {
	f.StringVar(&o.url, "store", "", "bucket that keeps the charts, such as s3://BUCKET/PREFIX, gs://BUCKET/PREFIX or az://CONTAINER/PREFIX; instead of --dir")
	f.StringVar(&o.endpoint, "s3-endpoint", "", "URL of an S3 server other than Amazon's (default: $AWS_ENDPOINT_URL)")
	f.StringVar(&o.region, "s3-region", "", "region of a bucket of S3 (default: $AWS_REGION)")
}

// completeStore completes how the URL of a bucket begins.
func completeStore(c *cobra.Command) {
	_ = c.RegisterFlagCompletionFunc("store", cobra.FixedCompletions([]string{"s3://", "gs://", "az://"}, cobra.ShellCompDirectiveNoFileComp|cobra.ShellCompDirectiveNoSpace))
}

// bind binds the flags of a server.
func (o *storeOptions) bind(f *pflag.FlagSet) {
	o.bindBucket(f)
	f.BoolVar(&o.single, "single-replica", false, "promise that this is the only server of the bucket, for those without conditional writes")
	f.DurationVar(&o.refresh, "refresh", time.Second, "how old what other servers of a bucket published may be served; 0 asks the bucket each time")
}

// openStore is a store that is in use.
type openStore struct {
	blob.Store
	// root is the whole of a store, of which the other may be one repository.
	root blob.Store
	// bucket tells that it is one.
	bucket bool
	// shared tells that other servers may publish to it.
	shared bool
	// Close ends its use.
	Close func() error
}

func (o *storeOptions) open(ctx context.Context, a *app, dir string) (*openStore, error) {
	if err := o.check(dir); err != nil {
		return nil, err
	}
	if dir != "" {
		d, err := blob.OpenDirectory(dir)
		if err != nil {
			return nil, withHint(err, "--dir names a folder; it is made where it is not there")
		}
		return &openStore{Store: d, Close: d.Close}, nil
	}
	s, err := o.openBucket(ctx, a)
	if err != nil {
		return nil, err
	}
	return &openStore{Store: s, bucket: true, shared: !o.single, Close: func() error { return nil }}, nil
}

// openBucket opens a bucket of the kind that its URL begins with.
func (o *storeOptions) openBucket(ctx context.Context, a *app) (*blob.Bucket, error) {
	switch scheme, _, _ := strings.Cut(o.url, "://"); scheme {
	case "s3":
		return o.openS3(ctx)
	case "gs":
		return o.openGCS(ctx, a)
	case "az":
		return o.openAzure(ctx, a)
	default:
		return nil, usageError(fmt.Errorf("--store %q does not name a bucket: write s3://BUCKET/PREFIX, gs://BUCKET/PREFIX or az://CONTAINER/PREFIX", o.url))
	}
}

// checkOther refuses the flags of S3 for a bucket of another kind.
func (o *storeOptions) checkOther() error {
	if o.endpoint != "" || o.region != "" {
		return errors.New("--s3-endpoint and --s3-region go with a bucket of S3")
	}
	return nil
}

func (o *storeOptions) openS3(ctx context.Context) (*blob.Bucket, error) {
	where, err := blob.ParseS3(o.url)
	if err != nil {
		return nil, usageError(err)
	}
	where.Endpoint, where.Region, where.Alone = o.endpoint, o.region, o.single
	s, err := blob.OpenS3(ctx, where)
	switch {
	case err == nil:
		return s, nil
	case errors.Is(err, blob.ErrNoRegion):
		return nil, usageError(withHint(err, "say it with --s3-region or AWS_REGION; name a server other than Amazon's with --s3-endpoint"))
	default:
		return nil, unreachableError(withHint(err, "check the name of the bucket, the region and the credentials (AWS_ACCESS_KEY_ID, AWS_PROFILE); name a server other than Amazon's with --s3-endpoint"))
	}
}

func (o *storeOptions) openGCS(ctx context.Context, a *app) (*blob.Bucket, error) {
	where, err := blob.ParseGCS(o.url)
	if err = cmp.Or(err, o.checkOther()); err != nil {
		return nil, usageError(err)
	}
	where.Emulator, where.Alone = a.Getenv("STORAGE_EMULATOR_HOST"), o.single
	s, err := blob.OpenGCS(ctx, where)
	switch {
	case err == nil:
		return s, nil
	case errors.Is(err, blob.ErrCredentials):
		err = withHint(err, "set GOOGLE_APPLICATION_CREDENTIALS to the key file of a service account, or sign in with gcloud auth application-default login")
	case errors.Is(err, blob.ErrNoBucket):
		err = withHint(err, "check the name, or make the bucket: gcloud storage buckets create gs://"+where.Bucket)
	case errors.Is(err, fs.ErrPermission):
		err = withHint(err, "give the account the role on the bucket: gcloud storage buckets add-iam-policy-binding gs://"+where.Bucket+" --role roles/storage.objectUser --member serviceAccount:ACCOUNT")
	default:
		err = withHint(err, "check the network; STORAGE_EMULATOR_HOST names a server other than Google's")
	}
	return nil, unreachableError(err)
}

func (o *storeOptions) openAzure(ctx context.Context, a *app) (*blob.Bucket, error) {
	where, err := blob.ParseAzure(o.url)
	if err = cmp.Or(err, o.checkOther()); err != nil {
		return nil, usageError(err)
	}
	// The names are those of az, the command of Azure.
	where.Account, where.Endpoint = a.Getenv("AZURE_STORAGE_ACCOUNT"), a.Getenv("AZURE_STORAGE_SERVICE_ENDPOINT")
	where.ConnectionString, where.Key, where.SAS = a.Getenv("AZURE_STORAGE_CONNECTION_STRING"), a.Getenv("AZURE_STORAGE_KEY"), a.Getenv("AZURE_STORAGE_SAS_TOKEN")
	where.Alone = o.single
	s, err := blob.OpenAzure(ctx, where)
	switch {
	case err == nil:
		return s, nil
	case errors.Is(err, blob.ErrNoAccount):
		return nil, usageError(withHint(err, "name it with AZURE_STORAGE_ACCOUNT"))
	case errors.Is(err, blob.ErrCredentials):
		err = withHint(err, "set AZURE_STORAGE_KEY, AZURE_STORAGE_SAS_TOKEN or AZURE_STORAGE_CONNECTION_STRING, or sign in with az login; a pod has a workload identity, a machine a managed one")
	case errors.Is(err, blob.ErrNoBucket):
		err = withHint(err, "check the name, or make the container: az storage container create --name "+where.Container)
	case errors.Is(err, fs.ErrPermission):
		err = withHint(err, "give the identity the role on the account or the container: az role assignment create --role \"Storage Blob Data Contributor\" --assignee ID --scope SCOPE")
	default:
		err = withHint(err, "check the network and the name of the account (AZURE_STORAGE_ACCOUNT); AZURE_STORAGE_SERVICE_ENDPOINT is the URL of its blobs where that is not in Azure's public cloud")
	}
	return nil, unreachableError(err)
}

func (o *storeOptions) check(dir string) error {
	switch {
	case dir == "" && o.url == "":
		return usageError(errors.New("--dir or --store must say where the charts are, such as --dir charts"))
	case dir != "" && o.url != "":
		return usageError(errors.New("--dir and --store exclude each other"))
	case o.url == "" && (o.endpoint != "" || o.region != "" || o.single):
		return usageError(errors.New("--s3-endpoint, --s3-region and --single-replica go with --store"))
	case o.refresh < 0:
		return usageError(errors.New("--refresh must not be negative"))
	}
	if o.endpoint != "" {
		if u, err := url.Parse(o.endpoint); err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
			return usageError(fmt.Errorf("--s3-endpoint %q is not an http or https URL", o.endpoint))
		}
	}
	return nil
}

// probe refuses a store in which two servers could publish the same version. One
// that cannot be written is no danger.
func probe(ctx context.Context, store blob.Store, log *slog.Logger) error {
	err := blob.Probe(ctx, store)
	switch {
	case errors.Is(err, blob.ErrUnconditional):
		return withHint(err, "with several servers uploads would get lost; promise that this is the only one with --single-replica")
	case errors.Is(err, fs.ErrPermission):
		log.WarnContext(ctx, "the store cannot be written: charts are served, and uploads refused", slog.Any("error", err))
		return nil
	case err != nil:
		return unreachableError(err)
	default:
		return nil
	}
}

// ownStore is the store of a repository of the user's own, without a server.
type ownStore struct {
	dir   string
	store storeOptions
	// repository is one of many in the store.
	repository string
}

func (o *ownStore) bind(c *cobra.Command) {
	c.Flags().StringVar(&o.dir, "dir", "", "folder of the repository")
	o.store.bindBucket(c.Flags())
	_ = c.MarkFlagDirname("dir")
	completeStore(c)
}

// open opens a store that is there; only a server makes one.
func (o *ownStore) open(ctx context.Context, a *app) (*openStore, error) {
	if o.dir != "" {
		if _, err := os.Stat(o.dir); err != nil {
			return nil, repoError(withHint(err, "name the folder of a repository with --dir; gantry repo serve makes one"))
		}
	}
	s, err := o.store.open(ctx, a, o.dir)
	if err != nil {
		return s, err
	}
	s.root = s.Store
	path := o.path()
	if path == "" {
		return s, nil
	}
	err = server.CheckPath(path)
	if err == nil {
		s.Store, err = blob.Below(s.Store, path+"/")
	}
	if refused, ok := errors.AsType[*server.RefusedError](err); ok {
		err = withHint(fmt.Errorf("--repository: %w", err), refused.Hint)
	}
	if err != nil {
		return nil, usageError(errors.Join(err, s.Close()))
	}
	return s, nil
}

// path is that of one repository of many, or empty.
func (o *ownStore) path() string {
	return strings.Trim(o.repository, "/")
}

// bindRepository lets a command work on one repository of many.
func (o *ownStore) bindRepository(c *cobra.Command) {
	c.Flags().StringVar(&o.repository, "repository", "", "path of the repository, such as ORG/REPO, of those that are served with --depth")
}

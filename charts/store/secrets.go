package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"golang.org/x/sync/errgroup"
	"helm.sh/helm/v3/pkg/chart"
	helmrelease "helm.sh/helm/v3/pkg/release"
	"helm.sh/helm/v3/pkg/storage/driver"
	helmtime "helm.sh/helm/v3/pkg/time"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/util/retry"
)

const (
	// briefAnnotation holds what a listing shows of a record. helm does not know it
	// and drops it when it writes the record; then the record itself is read.
	briefAnnotation = "gantry.dev/release"
	// listed selects the records that can be the newest of their releases.
	listed = "owner=helm,status!=superseded"
	// page is how many records one request lists, and parallel how many are read at
	// once where the annotation is missing.
	page     = 500
	parallel = 16
)

// secrets are helm's records in Secrets, which are listed without their contents.
type secrets struct {
	*driver.Secrets

	client    kubernetes.Interface
	namespace string
}

func newSecrets(client kubernetes.Interface, namespace string) *secrets {
	return &secrets{Secrets: driver.NewSecrets(secretsOf(client, namespace)), client: client, namespace: namespace}
}

func secretsOf(client kubernetes.Interface, namespace string) *joined {
	return &joined{client.CoreV1().Secrets(namespace)}
}

// Create writes a record that is not there.
func (s *secrets) Create(key string, r *helmrelease.Release) error {
	return s.annotated(r).Create(key, r)
}

// Update writes a record anew.
func (s *secrets) Update(key string, r *helmrelease.Release) error {
	return s.annotated(r).Update(key, r)
}

// annotated returns a driver that writes beside a record what a listing shows.
func (s *secrets) annotated(r *helmrelease.Release) *driver.Secrets {
	return driver.NewSecrets(&annotated{joined: secretsOf(s.client, s.namespace), release: r})
}

// brief is what a listing shows of a record.
type brief struct {
	Chart      string    `json:"chart"`
	Version    string    `json:"version"`
	AppVersion string    `json:"appVersion,omitempty"`
	Installed  time.Time `json:"installed"`
	Updated    time.Time `json:"updated"`
}

func briefOf(r *helmrelease.Release) brief {
	var b brief
	if r.Info != nil {
		b.Installed, b.Updated = r.Info.FirstDeployed.Time, r.Info.LastDeployed.Time
	}
	if r.Chart != nil && r.Chart.Metadata != nil {
		b.Chart, b.Version, b.AppVersion = r.Chart.Metadata.Name, r.Chart.Metadata.Version, r.Chart.Metadata.AppVersion
	}
	return b
}

// annotated writes the Secret of a record with an annotation more, and what it cannot
// hold beside it.
type annotated struct {
	*joined

	release *helmrelease.Release
}

// Create makes a Secret. Its parts come first: killed in between, there is no record
// that lacks some. What an operation that was killed there has left is deleted.
func (a *annotated) Create(ctx context.Context, secret *corev1.Secret, o metav1.CreateOptions) (*corev1.Secret, error) {
	parts, err := a.prepare(ctx, secret)
	if err != nil {
		return nil, err
	}
	made, err := a.SecretInterface.Create(ctx, secret, o)
	if err != nil {
		return nil, err
	}
	return made, errors.Join(a.belong(ctx, made, parts), a.sweep(ctx, made, parts))
}

// Update writes a Secret anew, whatever it was.
func (a *annotated) Update(ctx context.Context, secret *corev1.Secret, o metav1.UpdateOptions) (written *corev1.Secret, err error) {
	parts, err := a.prepare(ctx, secret)
	if err != nil {
		return nil, err
	}
	err = retry.OnError(retry.DefaultBackoff, apierrors.IsConflict, func() error {
		written, err = a.SecretInterface.Update(ctx, secret, o)
		return err
	})
	if err != nil || len(parts) == 0 {
		return written, err
	}
	return written, errors.Join(a.belong(ctx, written, parts), a.sweep(ctx, written, parts))
}

func (a *annotated) prepare(ctx context.Context, secret *corev1.Secret) ([]*corev1.Secret, error) {
	data, err := json.Marshal(briefOf(a.release))
	if err != nil {
		return nil, err
	}
	setAnnotation(secret, briefAnnotation, string(data))
	hide(&secret.ObjectMeta)
	return a.split(ctx, secret, a.release)
}

func setAnnotation(secret *corev1.Secret, key, value string) {
	if secret.Annotations == nil {
		secret.Annotations = map[string]string{}
	}
	secret.Annotations[key] = value
}

// List returns the newest revision of every release, with what a listing shows of
// it and no more. It reads the contents of those alone that helm has written.
func (s *secrets) List(filter func(*helmrelease.Release) bool) ([]*helmrelease.Release, error) {
	client, ok := s.client.CoreV1().RESTClient().(*rest.RESTClient)
	if !ok || client == nil { // a client that is not one over HTTP
		return s.Secrets.List(filter)
	}
	newest, err := s.newest(context.Background(), client)
	if err != nil {
		return nil, err
	}
	list := make([]*helmrelease.Release, len(newest))
	var group errgroup.Group
	group.SetLimit(parallel)
	for i, record := range newest {
		if list[i] = inBrief(record); list[i] != nil {
			continue
		}
		group.Go(func() error {
			var err error
			list[i], err = driver.NewSecrets(secretsOf(s.client, record.Namespace)).Get(record.Name)
			if errors.Is(err, driver.ErrReleaseNotFound) {
				return nil // deleted a moment ago
			}
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	return slices.DeleteFunc(list, func(r *helmrelease.Release) bool { return r == nil || !filter(r) }), nil
}

// newest returns the metadata of the newest record of every release.
func (s *secrets) newest(ctx context.Context, client rest.Interface) ([]metav1.PartialObjectMetadata, error) {
	index := map[string]int{}
	var newest []metav1.PartialObjectMetadata
	options := metav1.ListOptions{LabelSelector: listed, Limit: page}
	for {
		result := client.Get().Namespace(s.namespace).Resource("secrets").
			VersionedParams(&options, scheme.ParameterCodec).
			SetHeader("Accept", "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1").
			Do(ctx)
		if err := result.Error(); err != nil { // unlike that of Raw, it has read what the server says
			return nil, fmt.Errorf("list the records: %w", err)
		}
		data, err := result.Raw()
		if err != nil {
			return nil, fmt.Errorf("list the records: %w", err)
		}
		var found metav1.PartialObjectMetadataList
		if err := json.Unmarshal(data, &found); err != nil {
			return nil, fmt.Errorf("list the records: %w", err)
		}
		for _, record := range found.Items {
			key := record.Namespace + "/" + record.Labels["name"]
			at, known := index[key]
			switch {
			case !known:
				index[key] = len(newest)
				newest = append(newest, record)
			case version(newest[at]) < version(record):
				newest[at] = record
			}
		}
		if options.Continue = found.Continue; options.Continue == "" {
			return newest, nil
		}
	}
}

func version(record metav1.PartialObjectMetadata) int {
	n, err := strconv.Atoi(record.Labels["version"])
	if err != nil {
		return 0
	}
	return n
}

// inBrief makes a record of what is written beside it; nil where nothing is.
func inBrief(record metav1.PartialObjectMetadata) *helmrelease.Release {
	var b brief
	if json.Unmarshal([]byte(record.Annotations[briefAnnotation]), &b) != nil {
		return nil
	}
	return &helmrelease.Release{
		Name: record.Labels["name"], Namespace: record.Namespace, Version: version(record), Labels: record.Labels,
		Info: &helmrelease.Info{
			Status:        helmrelease.Status(record.Labels["status"]),
			FirstDeployed: helmtime.Time{Time: b.Installed}, LastDeployed: helmtime.Time{Time: b.Updated},
		},
		Chart: &chart.Chart{Metadata: &chart.Metadata{Name: b.Chart, Version: b.Version, AppVersion: b.AppVersion}},
	}
}

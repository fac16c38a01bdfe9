package store

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"

	helmrelease "helm.sh/helm/v3/pkg/release"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	typedv1 "k8s.io/client-go/kubernetes/typed/core/v1"
)

// What a record may hold, compressed: in Secrets, of which one record may be several, and
// in a ConfigMap, which Kubernetes bounds.
const (
	MostInSecrets    = maxParts * partSize
	MostInAConfigMap = 1 << 20
)

const (
	// PartType is the type of the Secrets that hold parts of a record.
	PartType = "gantry.dev/release-part"
	// partsAnnotation says how many parts a record has, and the digest of them all:
	// "3 9f86d0…".
	partsAnnotation = "gantry.dev/parts"
	// partSize is how much of a record one Secret holds: Kubernetes takes 1 MiB.
	partSize = 1_000_000
	// maxParts bounds a record. etcd holds a few gigabytes for the whole cluster.
	maxParts = 16
	// elsewhere is the manifest in place of one that is in parts. No tool takes it
	// for objects, and all show it.
	elsewhere = "this record is larger than a Secret and than helm can read; gantry goes on with it\n"
)

// joined reads Secrets with the parts that lie beside them.
type joined struct {
	typedv1.SecretInterface
}

// Get returns a Secret.
func (j *joined) Get(ctx context.Context, name string, o metav1.GetOptions) (*corev1.Secret, error) {
	secret, err := j.SecretInterface.Get(ctx, name, o)
	if err != nil {
		return nil, err
	}
	show(&secret.ObjectMeta)
	return secret, j.join(ctx, secret)
}

// List returns Secrets.
func (j *joined) List(ctx context.Context, o metav1.ListOptions) (*corev1.SecretList, error) {
	list, err := j.SecretInterface.List(ctx, o)
	if err != nil {
		return nil, err
	}
	for i := range list.Items {
		show(&list.Items[i].ObjectMeta)
		if err := j.join(ctx, &list.Items[i]); err != nil {
			return nil, err
		}
	}
	return list, nil
}

// Delete deletes a Secret, and then its parts: killed in between, none is left that
// lacks some.
func (j *joined) Delete(ctx context.Context, name string, o metav1.DeleteOptions) error {
	secret, err := j.SecretInterface.Get(ctx, name, metav1.GetOptions{})
	if err != nil {
		return err
	}
	if err := j.SecretInterface.Delete(ctx, name, o); err != nil {
		return err
	}
	if _, _, parted := partsOf(secret); !parted {
		return nil
	}
	return j.sweep(ctx, secret, nil)
}

// join puts the parts of a record into it.
func (j *joined) join(ctx context.Context, secret *corev1.Secret) error {
	count, digest, parted := partsOf(secret)
	if !parted {
		return nil
	}
	var whole []byte
	for i := range min(count, maxParts) {
		name := partName(secret.Name, digest, i)
		part, err := j.SecretInterface.Get(ctx, name, metav1.GetOptions{})
		if apierrors.IsNotFound(err) {
			return fmt.Errorf("the record %s is not whole: its part %s is missing", secret.Name, name)
		}
		if err != nil {
			return err
		}
		whole = append(whole, part.Data["part"]...)
	}
	if digestOf(whole) != digest {
		return fmt.Errorf("the record %s is not whole: its parts are not those that were written", secret.Name)
	}
	secret.Data["release"] = whole
	return nil
}

// split writes the parts of a record that is too large for a Secret, and leaves in
// it what helm can read. It returns the parts.
func (j *joined) split(ctx context.Context, secret *corev1.Secret, r *helmrelease.Release) ([]*corev1.Secret, error) {
	whole := secret.Data["release"]
	if len(whole) <= partSize {
		return nil, nil
	}
	count := (len(whole) + partSize - 1) / partSize
	if count > maxParts {
		return nil, apierrors.NewRequestEntityTooLargeError(fmt.Sprintf("a record of %d bytes is more than %d parts", len(whole), maxParts))
	}
	digest := digestOf(whole)
	parts := make([]*corev1.Secret, 0, count)
	for i := range count {
		part := &corev1.Secret{
			ObjectMeta: metav1.ObjectMeta{Name: partName(secret.Name, digest, i), Labels: partLabels(secret)},
			Type:       PartType,
			Data:       map[string][]byte{"part": whole[i*partSize : min((i+1)*partSize, len(whole))]},
		}
		// Parts are named by what they hold: one that is there is the same.
		made, err := j.SecretInterface.Create(ctx, part, metav1.CreateOptions{})
		if err != nil && !apierrors.IsAlreadyExists(err) {
			return nil, err
		}
		if err == nil {
			part = made
		}
		parts = append(parts, part)
	}
	rest, err := encode(summary(r))
	if err != nil {
		return nil, err
	}
	secret.Data["release"] = rest
	setAnnotation(secret, partsAnnotation, strconv.Itoa(count)+" "+digest)
	return parts, nil
}

// belong lets the parts go with the record, whoever deletes it.
func (j *joined) belong(ctx context.Context, record *corev1.Secret, parts []*corev1.Secret) error {
	for _, part := range parts {
		part.OwnerReferences = []metav1.OwnerReference{{APIVersion: "v1", Kind: "Secret", Name: record.Name, UID: record.UID}}
		part.ResourceVersion = ""
		if _, err := j.SecretInterface.Update(ctx, part, metav1.UpdateOptions{}); err != nil {
			return err
		}
	}
	return nil
}

// sweep deletes the parts of what a record was before, or would have become.
func (j *joined) sweep(ctx context.Context, record *corev1.Secret, keep []*corev1.Secret) error {
	selector := metav1.FormatLabelSelector(&metav1.LabelSelector{MatchLabels: partLabels(record)})
	list, err := j.SecretInterface.List(ctx, metav1.ListOptions{LabelSelector: selector})
	if err != nil {
		return err
	}
	kept := map[string]bool{}
	for _, part := range keep {
		kept[part.Name] = true
	}
	var errs []error
	for _, part := range list.Items {
		if kept[part.Name] {
			continue
		}
		if err := j.SecretInterface.Delete(ctx, part.Name, metav1.DeleteOptions{}); err != nil && !apierrors.IsNotFound(err) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// partsOf reads the annotation about parts.
func partsOf(secret *corev1.Secret) (count int, digest string, parted bool) {
	number, digest, parted := strings.Cut(secret.Annotations[partsAnnotation], " ")
	count, err := strconv.Atoi(number)
	return count, digest, parted && err == nil
}

func partName(record, digest string, i int) string {
	const enough = 10
	return fmt.Sprintf("%s.%s.%d", record, digest[:min(enough, len(digest))], i)
}

func partLabels(record *corev1.Secret) map[string]string {
	return map[string]string{"owner": "gantry", "name": record.Labels["name"], "version": record.Labels["version"]}
}

func digestOf(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

// summary is what a record says to helm when the rest is in parts.
func summary(r *helmrelease.Release) *helmrelease.Release {
	out := *r
	out.Manifest, out.Hooks, out.Config = elsewhere, nil, nil
	if r.Info != nil {
		info := *r.Info
		info.Notes = ""
		out.Info = &info
	}
	if r.Chart != nil {
		c := *r.Chart
		c.Values, c.Templates, c.Files, c.Schema, c.Raw = nil, nil, nil, nil, nil
		c.SetDependencies()
		out.Chart = &c
	}
	return &out
}

// encode writes a record as helm does.
func encode(r *helmrelease.Release) ([]byte, error) {
	data, err := json.Marshal(r)
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	w, err := gzip.NewWriterLevel(&b, gzip.BestCompression)
	if err != nil {
		return nil, err
	}
	if _, err := w.Write(data); err != nil {
		return nil, err
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return []byte(base64.StdEncoding.EncodeToString(b.Bytes())), nil
}

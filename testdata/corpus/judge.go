package main

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"

	"golang.org/x/sync/errgroup"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/restmapper"
	"sigs.k8s.io/yaml"

	"gantry/convert/manifest"
)

// judge is a real API server, and for charts the helm command.
type judge struct {
	helm   string
	mapper meta.RESTMapper
	client dynamic.Interface
}

// newJudge returns the API server of a sandbox.
func newJudge(config *rest.Config, helm string) (*judge, error) {
	client, err := discovery.NewDiscoveryClientForConfig(config)
	if err != nil {
		return nil, err
	}
	groups, err := restmapper.GetAPIGroupResources(client)
	if err != nil {
		return nil, err
	}
	dyn, err := dynamic.NewForConfig(config)
	return &judge{helm: helm, mapper: restmapper.NewDiscoveryRESTMapper(groups), client: dyn}, err
}

// workers is how many objects are asked about at once.
const workers = 8

// rejected asks about each object and returns what the server says against some.
func (j *judge) rejected(ctx context.Context, objects []manifest.Object) ([]string, error) {
	var (
		mu    sync.Mutex
		found []string
		group errgroup.Group
	)
	group.SetLimit(workers)
	for _, o := range objects {
		group.Go(func() error {
			err := j.create(ctx, o)
			if ctx.Err() != nil {
				return ctx.Err()
			}
			if err != nil {
				mu.Lock()
				defer mu.Unlock()
				found = append(found, fmt.Sprintf("%s %s: %v", o.Kind(), o.GetName(), err))
			}
			return nil
		})
	}
	err := group.Wait()
	slices.Sort(found)
	return found, err
}

// create asks for a dry run with strict validation of the fields.
func (j *judge) create(ctx context.Context, o manifest.Object) error {
	var b bytes.Buffer
	if err := manifest.Write(&b, []manifest.Object{o}); err != nil {
		return err
	}
	var object unstructured.Unstructured
	if err := yaml.Unmarshal([]byte(strings.TrimPrefix(b.String(), "---\n")), &object.Object); err != nil {
		return err
	}
	return j.ask(ctx, &object)
}

// ask is create for an object that is decoded already.
func (j *judge) ask(ctx context.Context, object *unstructured.Unstructured) error {
	kind := object.GroupVersionKind()
	mapping, err := j.mapper.RESTMapping(kind.GroupKind(), kind.Version)
	if err != nil {
		return err
	}
	client := dynamic.ResourceInterface(j.client.Resource(mapping.Resource))
	if mapping.Scope.Name() == meta.RESTScopeNameNamespace {
		client = j.client.Resource(mapping.Resource).Namespace(metav1.NamespaceDefault)
	}
	_, err = client.Create(ctx, object, metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}, FieldValidation: metav1.FieldValidationStrict})
	return err
}

package kube

import (
	"errors"
	"strings"

	"github.com/fluxcd/cli-utils/pkg/kstatus/status"
	"golang.org/x/sync/errgroup"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/cli-runtime/pkg/resource"

	"gantry/charts/release"
)

// Rehearse sends every object of a manifest with the order to change nothing,
// and returns all refusals. Unknown fields are refused here.
func (s *Session) Rehearse(manifest string) error {
	list, err := s.Build(strings.NewReader(manifest), false)
	if err != nil {
		return err
	}
	errs := make([]error, len(list))
	var group errgroup.Group
	group.SetLimit(parallel)
	for i, info := range list {
		group.Go(func() error {
			errs[i] = s.rehearse(info)
			return nil
		})
	}
	return errors.Join(group.Wait(), errors.Join(errs...))
}

func (s *Session) rehearse(info *resource.Info) error {
	if err := s.ctx.Err(); err != nil {
		return err
	}
	h := resource.NewHelper(info.Client, info.Mapping).DryRun(true).WithFieldManager(fieldManager).WithFieldValidation("Strict")
	live, err := h.Get(info.Namespace, info.Name)
	if apierrors.IsNotFound(err) {
		if _, err := h.Create(info.Namespace, true, info.Object); err != nil {
			return failure("create", info, err)
		}
		return nil
	}
	if err != nil {
		return failure("read", info, err)
	}
	p, err := patchFor(info, live, live)
	if err != nil {
		return failure("compare", info, err)
	}
	if p.empty() {
		return nil
	}
	if _, err := p.send(h, info, false); err != nil {
		return failure("change", info, err)
	}
	return nil
}

// Health reads the objects of a manifest and says how they are.
func (s *Session) Health(manifest string) ([]release.Health, error) {
	list, err := s.Build(strings.NewReader(manifest), false)
	if err != nil {
		return nil, err
	}
	out := make([]release.Health, len(list))
	var group errgroup.Group
	group.SetLimit(parallel)
	for i, info := range list {
		group.Go(func() error {
			out[i] = health(info)
			return s.ctx.Err()
		})
	}
	return out, group.Wait()
}

func health(info *resource.Info) release.Health {
	h := release.Health{Object: object(info), State: "NotFound"}
	live, err := resource.NewHelper(info.Client, info.Mapping).Get(info.Namespace, info.Name)
	if apierrors.IsNotFound(err) {
		return h
	}
	if err != nil {
		h.State, h.Message = "Unknown", err.Error()
		return h
	}
	obj, ok := asUnstructured(live)
	if !ok {
		h.State = "Unknown"
		return h
	}
	result, err := status.Compute(obj)
	if err != nil {
		h.State, h.Message = "Unknown", err.Error()
		return h
	}
	h.State, h.Message = result.Status.String(), result.Message
	if waitsForAddress(obj) {
		h.State, h.Message = status.InProgressStatus.String(), "no address from a load balancer yet"
	}
	return h
}

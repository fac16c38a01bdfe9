package kube

import (
	"errors"
	"fmt"
	"slices"

	"golang.org/x/sync/errgroup"
	helmkube "helm.sh/helm/v3/pkg/kube"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/cli-runtime/pkg/resource"

	"gantry/charts/release"
)

// Create creates objects that must not exist.
func (s *Session) Create(list helmkube.ResourceList) (*helmkube.Result, error) {
	err := s.each(list, func(info *resource.Info) error { return s.create(info) })
	if err != nil {
		return nil, s.failed(err)
	}
	return &helmkube.Result{Created: list}, nil
}

// Update makes the objects of a release as its target says: it creates what is
// not there, patches what differs, and deletes what is in original only.
//
// force replaces objects instead of patching them.
func (s *Session) Update(original, target helmkube.ResourceList, force bool) (*helmkube.Result, error) {
	results := make([]release.Action, len(target))
	index := make(map[*resource.Info]int, len(target))
	for i, info := range target {
		index[info] = i
	}
	err := s.each(target, func(info *resource.Info) error {
		action, err := s.apply(info, s.before(info, original), force)
		results[index[info]] = action
		return err
	})
	res := &helmkube.Result{}
	for i, action := range results {
		switch action {
		case release.Created:
			res.Created = append(res.Created, target[i])
		case release.Changed, release.Unchanged:
			res.Updated = append(res.Updated, target[i])
		default: // not reached before an error
		}
	}
	if err != nil {
		return res, s.failed(err)
	}
	gone := original.Difference(target)
	for _, attempt := range s.attempts {
		gone = append(gone, attempt.Difference(slices.Concat(target, gone))...)
	}
	res.Deleted, err = s.prune(gone)
	return res, s.failed(err)
}

// before returns what revisions have said of an object: the one that was
// deployed, and those that failed since.
func (s *Session) before(info *resource.Info, original helmkube.ResourceList) []*resource.Info {
	var said []*resource.Info
	for _, list := range append([]helmkube.ResourceList{original}, s.attempts...) {
		if was := list.Get(info); was != nil {
			said = append(said, was)
		}
	}
	return said
}

// UpdateThreeWayMerge is Update: custom resources are always merged three ways
// here.
func (s *Session) UpdateThreeWayMerge(original, target helmkube.ResourceList, force bool) (*helmkube.Result, error) {
	return s.Update(original, target, force)
}

// Delete deletes objects; those that are gone already do not matter.
func (s *Session) Delete(list helmkube.ResourceList) (*helmkube.Result, []error) {
	return s.DeleteWithPropagationPolicy(list, metav1.DeletePropagationBackground)
}

// DeleteWithPropagationPolicy deletes objects and, by the policy, what they own.
func (s *Session) DeleteWithPropagationPolicy(list helmkube.ResourceList, policy metav1.DeletionPropagation) (*helmkube.Result, []error) {
	err := s.each(list, func(info *resource.Info) error { return s.remove(info, policy) })
	if err != nil {
		return nil, []error{s.failed(err)}
	}
	return &helmkube.Result{Deleted: list}, nil
}

// each calls do for every object: for those of one kind in parallel, for kind
// after kind in the order of the list. All objects of a kind are tried; a later
// kind is not begun after an error.
func (s *Session) each(list helmkube.ResourceList, do func(*resource.Info) error) error {
	for kind := range chunkByKind(list) {
		var group errgroup.Group
		group.SetLimit(parallel)
		errs := make([]error, len(kind))
		for i, info := range kind {
			group.Go(func() error {
				if errs[i] = s.over(); errs[i] == nil {
					errs[i] = do(info)
				}
				return nil
			})
		}
		if err := errors.Join(group.Wait(), errors.Join(errs...)); err != nil {
			return err
		}
	}
	return nil
}

// chunkByKind yields the runs of objects that have the same kind.
func chunkByKind(list helmkube.ResourceList) func(func(helmkube.ResourceList) bool) {
	return func(yield func(helmkube.ResourceList) bool) {
		for len(list) > 0 {
			kind := list[0].Mapping.GroupVersionKind.Kind
			n := slices.IndexFunc(list, func(i *resource.Info) bool { return i.Mapping.GroupVersionKind.Kind != kind })
			if n < 0 {
				n = len(list)
			}
			if !yield(list[:n]) {
				return
			}
			list = list[n:]
		}
	}
}

func (s *Session) create(info *resource.Info) error {
	obj, err := helper(info).CreateWithOptions(info.Namespace, true, info.Object, &metav1.CreateOptions{})
	if err != nil {
		return failure("create", info, err)
	}
	s.tell(release.Event{Action: release.Created, Object: object(info)})
	return info.Refresh(obj, true)
}

// apply makes one object as it should be. before is what revisions of the release
// have said of it; when none has, the object was not of the release, and as it is
// in the cluster stands in for that.
func (s *Session) apply(info *resource.Info, before []*resource.Info, force bool) (release.Action, error) {
	live, err := helper(info).Get(info.Namespace, info.Name)
	if apierrors.IsNotFound(err) {
		return release.Created, s.create(info)
	}
	if err != nil {
		return "", failure("read", info, err)
	}
	if len(before) == 0 {
		before = []*resource.Info{{Object: live}}
	}
	was := resourceVersion(live)
	for _, said := range before {
		p, err := patchFor(info, said.Object, live)
		if err != nil {
			return "", failure("compare", info, err)
		}
		if p.empty() {
			continue
		}
		if live, err = p.send(helper(info), info, force); err != nil {
			return "", failure("change", info, err)
		}
	}
	action := release.Changed
	if resourceVersion(live) == was {
		action = release.Unchanged
	}
	s.tell(release.Event{Action: action, Object: object(info)})
	return action, info.Refresh(live, true)
}

// prune deletes what is no longer in the release, unless an annotation says to
// keep it.
func (s *Session) prune(list helmkube.ResourceList) (helmkube.ResourceList, error) {
	var doomed helmkube.ResourceList
	for _, info := range list {
		live, err := helper(info).Get(info.Namespace, info.Name)
		if apierrors.IsNotFound(err) {
			continue
		}
		if err != nil {
			return nil, failure("read", info, err)
		}
		annotations, err := meta.NewAccessor().Annotations(live)
		if err != nil {
			return nil, failure("read", info, err)
		}
		if annotations[helmkube.ResourcePolicyAnno] == helmkube.KeepPolicy {
			s.tell(release.Event{Action: release.Kept, Object: object(info), Detail: "its annotation " + helmkube.ResourcePolicyAnno + " says so"})
			continue
		}
		doomed = append(doomed, info)
	}
	return doomed, s.each(doomed, func(info *resource.Info) error {
		return s.remove(info, metav1.DeletePropagationBackground)
	})
}

func (s *Session) remove(info *resource.Info, policy metav1.DeletionPropagation) error {
	_, err := helper(info).DeleteWithOptions(info.Namespace, info.Name, &metav1.DeleteOptions{PropagationPolicy: &policy})
	switch {
	case apierrors.IsNotFound(err):
		return nil
	case err != nil:
		return failure("delete", info, err)
	}
	s.tell(release.Event{Action: release.Deleted, Object: object(info)})
	return nil
}

// failure says what was being done to which object. The API server's own words
// repeat the object's name in front; that is taken off.
func failure(doing string, info *resource.Info, err error) error {
	if status, ok := errors.AsType[*apierrors.StatusError](err); ok && len(causes(status)) > 0 {
		return &RefusedError{Doing: doing, Object: object(info), Causes: causes(status), Err: err}
	}
	return fmt.Errorf("%s %s: %w", doing, object(info), err)
}

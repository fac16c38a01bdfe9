package cli

import (
	"context"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"gantry/charts/release"
)

// completeWithin bounds what a shell waits for: a cluster that does not answer
// must not take the prompt away.
const completeWithin = 2 * time.Second

// completeCluster completes the flags that say which cluster is meant, and the
// names of releases wherever a command takes one.
func (a *app) completeCluster(root *cobra.Command) {
	_ = root.RegisterFlagCompletionFunc("namespace", a.completeNamespaces)
	_ = root.RegisterFlagCompletionFunc("context", a.completeContexts)
	for _, c := range root.Commands() {
		if c.GroupID != groupRelease {
			continue
		}
		walk(c, func(c *cobra.Command) {
			_, arguments, _ := strings.Cut(c.Use, " ")
			if strings.HasPrefix(strings.TrimPrefix(arguments, "["), "NAME") && c.ValidArgsFunction == nil && c.Name() != "install" {
				c.ValidArgsFunction = a.completeReleases
			}
			if c.Flags().Lookup("revision") != nil {
				_ = c.RegisterFlagCompletionFunc("revision", a.completeRevisions)
			}
		})
	}
}

// completeRepositories completes the names of configured repositories where a command
// takes so many of them, from an argument on; a negative number is any.
func (a *app) completeRepositories(from, many int) cobra.CompletionFunc {
	return func(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
		if len(args) < from {
			return nil, cobra.ShellCompDirectiveDefault
		}
		all, err := a.repoClient().Repositories()
		if err != nil || many >= 0 && len(args) >= from+many {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		var names []string
		for _, r := range all {
			if !slices.Contains(args[from:], r.Name) {
				shown := r.URL
				if u, err := url.Parse(r.URL); err == nil {
					shown = u.Redacted()
				}
				names = append(names, cobra.CompletionWithDesc(r.Name, shown))
			}
		}
		return names, cobra.ShellCompDirectiveNoFileComp
	}
}

func (a *app) completeContexts(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	a.kubeContext = "" // the beginning of one is none
	cluster, err := a.connect()
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	return cluster.Contexts(), cobra.ShellCompDirectiveNoFileComp
}

func (a *app) completeNamespaces(c *cobra.Command, _ []string, _ string) ([]string, cobra.ShellCompDirective) {
	a.namespace = ""
	ctx, cancel := context.WithTimeout(c.Context(), completeWithin)
	defer cancel()
	cluster, err := a.connect()
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	client, err := cluster.Clientset()
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	list, err := client.CoreV1().Namespaces().List(ctx, metav1.ListOptions{})
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	var names []string
	for _, n := range list.Items {
		names = append(names, n.Name)
	}
	return names, cobra.ShellCompDirectiveNoFileComp
}

// completeReleases completes the name of a release, which is the first argument, the
// numbers of its revisions, and what else may be a file.
func (a *app) completeReleases(c *cobra.Command, args []string, word string) ([]string, cobra.ShellCompDirective) {
	switch places := strings.Fields(c.Use)[1:]; {
	case len(args) == 0, places[0] == "NAME...":
	case len(args) >= len(places):
		return nil, cobra.ShellCompDirectiveNoFileComp
	case strings.Contains(places[len(args)], "REVISION"):
		return a.completeRevisions(c, args, word)
	default:
		return nil, cobra.ShellCompDirectiveDefault
	}
	ctx, cancel := context.WithTimeout(c.Context(), completeWithin)
	defer cancel()
	manager, err := a.releases("", nil)
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	found, err := manager.List(ctx, release.ListOptions{Uninstalled: true})
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	var names []string
	for _, r := range found {
		if !slices.Contains(args, r.Name) {
			names = append(names, cobra.CompletionWithDesc(r.Name, r.ChartAndVersion()+", "+r.Status))
		}
	}
	return names, cobra.ShellCompDirectiveNoFileComp
}

// completeRevisions completes the number of a revision of the release that is the first
// argument, or else a file where one may stand, too.
func (a *app) completeRevisions(c *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	if len(args) == 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	ctx, cancel := context.WithTimeout(c.Context(), completeWithin)
	defer cancel()
	manager, err := a.releases("", nil)
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	history, err := manager.History(ctx, args[0], 0)
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	var numbers []string
	for _, r := range slices.Backward(history) {
		numbers = append(numbers, cobra.CompletionWithDesc(strconv.Itoa(r.Revision), r.ChartAndVersion()+", "+r.Status+" "+stamp(r.Updated)))
	}
	directive := cobra.ShellCompDirectiveKeepOrder
	if !strings.Contains(c.Use, "CHART|REVISION") {
		directive |= cobra.ShellCompDirectiveNoFileComp
	}
	return numbers, directive
}

// completeServices completes the names of services.
func (a *app) completeServices(w *whichRelease) cobra.CompletionFunc {
	return func(c *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
		if len(args) > 0 && !strings.Contains(c.Use, "SERVICE...") {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		ctx, cancel := context.WithTimeout(c.Context(), completeWithin)
		defer cancel()
		app, err := w.open(ctx, a)
		if err != nil {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		var names []string
		for _, s := range app.Services() {
			if !slices.Contains(args, s.Name) {
				names = append(names, cobra.CompletionWithDesc(s.Name, s.String()))
			}
		}
		return names, cobra.ShellCompDirectiveNoFileComp
	}
}

// withSuffix completes the names of services with a mark behind each, after which goes on
// what is typed.
func withSuffix(services cobra.CompletionFunc, mark string) cobra.CompletionFunc {
	return func(c *cobra.Command, _ []string, word string) ([]string, cobra.ShellCompDirective) {
		names, directive := services(c, nil, word)
		for i, name := range names {
			name, _, _ = strings.Cut(name, "\t")
			names[i] = name + mark
		}
		return names, directive | cobra.ShellCompDirectiveNoSpace
	}
}

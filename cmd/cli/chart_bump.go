package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/Masterminds/semver/v3"
	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"gantry/charts/archive"
	"gantry/charts/bump"
	"gantry/charts/compare"
	"gantry/charts/diag"
	"gantry/charts/engine"
	"gantry/repo"
	"gantry/repo/client"
)

type bumpOptions struct {
	chartOptions
	render  engine.Options
	against string
	to      string
	auto    bool
	check   bool
	rules   bool
	output  string
}

func newChartBump(a *app) *cobra.Command {
	var o bumpOptions
	c := &cobra.Command{
		Use:   "bump [DIR]",
		Short: "Propose the next version of a chart, and write it",
		Long: `Bump compares the chart of a folder with the newest version that is published, and
says which step of semantic versioning the difference asks for, and why: what it
renders to, its values and its schema. Published is what the configured
repositories have, or the chart that --against names: a folder, a .tgz file,
REPOSITORY/NAME@VERSION, a URL, or oci://HOST/PATH.

With --auto or --to it writes the version to Chart.yaml, and the reasons to its
annotation artifacthub.io/changes. Where the file lists images in the annotation
artifacthub.io/images, they are brought to what the chart runs now. Everything else
stays as it is.

` + exitCodesHelp,
		Example: `  gantry chart bump ./shop                  # what would be the next version, and why?
  gantry chart bump ./shop --auto
  gantry chart bump ./shop --to 2.0.0 --against oci://registry.example.org/charts/shop
  gantry chart bump ./shop --check          # for CI: exit code 1 when the version is not enough
  gantry chart bump --rules`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if o.rules {
				return runBumpRules(a, o.output)
			}
			return runChartBump(cmd.Context(), a, append(args, ".")[0], &o)
		},
	}
	o.bindValues(c)
	o.bindPlainHTTP(c)
	bindRender(c, &o.render)
	bindOutput(c, &o.output)
	f := c.Flags()
	f.StringVar(&o.against, "against", "", "published chart to compare with (default: the newest in the configured repositories)")
	f.StringVar(&o.to, "to", "", "write this version to Chart.yaml")
	f.BoolVar(&o.auto, "auto", false, "write the proposed version to Chart.yaml, unless the one there is enough")
	f.BoolVar(&o.check, "check", false, "write nothing, and exit with 1 when the version in Chart.yaml is not enough")
	f.BoolVar(&o.rules, "rules", false, "list the rules, and do nothing else")
	return c
}

func runBumpRules(a *app, output string) error {
	if err := checkOutput(output); err != nil {
		return err
	}
	rules := bump.Rules()
	l := listing{header: []string{"STEP", "RULE", "MEANS"}, values: rules}
	for _, r := range rules {
		l.rows = append(l.rows, []string{r.Step.String(), r.Name, r.Doc})
	}
	return a.list(output, l)
}

// published is what a chart is compared with.
type published struct {
	// ref is how the chart is named.
	ref string
	// versions are all that are known to be published, newest first.
	versions []string
}

// bumped is the answer.
type bumped struct {
	Chart string `json:"chart"`
	// Published is the version that the chart was compared with, and Current
	// the one in Chart.yaml.
	Published string `json:"published"`
	Current   string `json:"current"`
	bump.Proposal
	// Next is the version that the step asks for, and Enough whether Current is
	// as far.
	Next   string `json:"next"`
	Enough bool   `json:"enough"`
	// Written is the version that was written to Chart.yaml.
	Written string `json:"written,omitempty"`
}

func runChartBump(ctx context.Context, a *app, dir string, o *bumpOptions) error {
	if err := checkOutput(o.output); err != nil {
		return err
	}
	if info, err := os.Stat(dir); err == nil && !info.IsDir() {
		return usageError(fmt.Errorf("%s is a packed chart: its version is changed in the folder that it was made from", dir))
	}
	if o.to != "" && (o.auto || o.check) || o.auto && o.check {
		return usageError(errors.New("--to, --auto and --check contradict each other: give one of them"))
	}
	o.render.Namespace = a.namespace
	mine, err := a.chartSide(ctx, dir, "", &o.chartOptions, o.render)
	if err != nil {
		return err
	}
	was, err := a.published(ctx, mine.Chart.Name(), o)
	if err != nil {
		return err
	}
	theirs, err := a.chartSide(ctx, was.ref, "", &o.chartOptions, o.render)
	if err != nil {
		return err
	}
	if theirs.Chart.Name() != mine.Chart.Name() {
		return usageError(fmt.Errorf("%s is the chart %s, and %s the chart %s: only versions of one chart are compared", dir, mine.Chart.Name(), was.ref, theirs.Chart.Name()))
	}
	b, err := propose(theirs, mine)
	if err != nil {
		return err
	}
	if err := o.decide(was.versions, b); err != nil {
		return err
	}
	if b.Written != "" {
		if err := b.write(dir, theirs, mine); err != nil {
			return err
		}
	}
	if err := a.printBump(dir, b, o); err != nil {
		return err
	}
	if o.check && !b.Enough {
		return errReported
	}
	return nil
}

func propose(from, to compare.Side) (*bumped, error) {
	d, err := compare.Charts(from, to)
	if err != nil {
		return nil, err
	}
	b := &bumped{Chart: d.To.Name, Published: d.From.Version, Current: d.To.Version, Proposal: bump.Propose(d)}
	if b.Next, err = b.Step.Next(b.Published); err != nil {
		return nil, fmt.Errorf("the published chart: %w", err)
	}
	b.Enough, err = b.Step.Enough(b.Published, b.Current)
	return b, err
}

// askedAtOnce is how many repositories are asked at the same time.
const askedAtOnce = 6

// named returns what was named, and its versions where a repository has it.
func named(ctx context.Context, c *client.Client, against string) (published, error) {
	ref, version := splitVersion(against)
	if onThisMachine(against) || strings.Contains(ref, "://") && !strings.HasPrefix(ref, "oci://") {
		return published{ref: against}, nil
	}
	versions, err := c.Versions(ctx, ref)
	if err != nil {
		return published{}, repoError(err)
	}
	if version == "" {
		against = ref
	}
	return published{ref: against, versions: versions}, nil
}

// published finds what a chart is compared with: what was named, or the newest
// release of that name in the configured repositories.
func (a *app) published(ctx context.Context, name string, o *bumpOptions) (published, error) {
	c := a.repoClient(client.WithPlainHTTP(o.plainHTTP))
	if o.against != "" {
		return named(ctx, c, o.against)
	}
	all, err := c.Repositories()
	if err != nil {
		return published{}, err
	}
	answers := make([][]string, len(all))
	group, asked := errgroup.WithContext(ctx)
	group.SetLimit(askedAtOnce)
	for i, r := range all {
		group.Go(func() error {
			versions, err := c.Versions(asked, r.Name+"/"+name)
			if _, unknown := errors.AsType[*repo.UnknownChartError](err); err != nil && !unknown {
				return fmt.Errorf("ask %s for the versions of %s: %w", r.Name, name, err)
			}
			answers[i] = versions
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return published{}, repoError(err)
	}
	var found published
	for i, r := range all {
		versions := answers[i]
		if len(versions) == 0 {
			continue
		}
		if newest := newestRelease(versions); newest == newestRelease(append(slices.Clone(found.versions), newest)) {
			found.ref = fmt.Sprintf("%s/%s@%s", r.Name, name, newest)
		}
		found.versions = append(found.versions, versions...)
	}
	if found.ref == "" {
		return found, notFoundError(withHint(fmt.Errorf("no version of %s is published in the %s", name, countRepositories(len(all))),
			"name what to compare with: gantry chart bump --against FOLDER, ARCHIVE, REPOSITORY/NAME or oci://HOST/PATH"))
	}
	return found, nil
}

func countRepositories(n int) string {
	if n == 1 {
		return "one repository that is configured"
	}
	return fmt.Sprintf("%d repositories that are configured", n)
}

// newestRelease returns the newest version, and a pre-release only when there is
// nothing else.
func newestRelease(versions []string) string {
	sorted := slices.SortedFunc(slices.Values(versions), func(a, b string) int { return repo.CompareVersions(b, a) })
	for _, v := range sorted {
		if parsed, err := semver.NewVersion(v); err == nil && parsed.Prerelease() == "" {
			return v
		}
	}
	return append(sorted, "")[0]
}

// decide says which version is to be written, if any.
func (o *bumpOptions) decide(versions []string, b *bumped) error {
	version := o.to
	if o.auto && !b.Enough {
		version = b.Next
	}
	if version == "" {
		return nil
	}
	b.Written = version
	return mayBecome(version, versions, b)
}

// write writes the version to Chart.yaml, and what Artifact Hub reads there: what the
// version changes, and which images the chart runs, if it says that already.
func (b *bumped) write(dir string, from, to compare.Side) error {
	file := filepath.Join(dir, "Chart.yaml")
	data, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	if data, err = archive.SetField(data, "version", b.Written); err != nil {
		return err
	}
	if len(b.Reasons) > 0 {
		changes, err := b.Changes()
		if err != nil {
			return err
		}
		if data, err = archive.SetAnnotation(data, bump.ChangesAnnotation, changes); err != nil {
			return err
		}
	}
	if listed, ok := to.Chart.Metadata.Annotations[bump.ImagesAnnotation]; ok {
		images, err := bump.Images(listed, from.Objects, to.Objects)
		if err != nil {
			return err
		}
		if images != listed {
			if data, err = archive.SetAnnotation(data, bump.ImagesAnnotation, images); err != nil {
				return err
			}
		}
	}
	return replaceFile(file, data)
}

// replaceFile writes a file anew and keeps its mode.
func replaceFile(name string, data []byte) error {
	info, err := os.Stat(name)
	if err != nil {
		return err
	}
	if err := archive.WriteFile(name, data); err != nil {
		return err
	}
	return os.Chmod(name, info.Mode().Perm())
}

// mayBecome refuses a version that leads backwards, or that there is already.
func mayBecome(version string, versions []string, b *bumped) error {
	v, err := semver.StrictNewVersion(version)
	if err != nil {
		return usageError(fmt.Errorf("version %q: %w (a chart's version is like 1.2.3)", version, err))
	}
	if slices.ContainsFunc(versions, func(have string) bool { return repo.CompareVersions(have, version) == 0 && have == version }) || version == b.Published {
		return usageError(withHint(fmt.Errorf("%s %s is published already", b.Chart, version), "published versions never change: take the next one, such as "+after(versions, b)))
	}
	if was, err := semver.NewVersion(b.Published); err == nil && v.LessThan(was) {
		return usageError(fmt.Errorf("%s is older than %s, which is published", version, b.Published))
	}
	return nil
}

// after returns a version that is free: that of the step, behind the newest that
// there is.
func after(versions []string, b *bumped) string {
	next, err := max(b.Step, bump.Patch).Next(newestRelease(append(slices.Clone(versions), b.Published)))
	if err != nil {
		return b.Next
	}
	return next
}

func (a *app) printBump(dir string, b *bumped, o *bumpOptions) error {
	if o.output != "table" {
		return a.list(o.output, listing{values: b})
	}
	if b.Step == bump.None {
		fmt.Fprintf(a.Out, "none: nothing differs from %s %s\n", b.Chart, b.Published)
	} else {
		fmt.Fprintf(a.Out, "%s: %s %s -> %s\n", b.Step, b.Chart, b.Published, b.Next)
	}
	for _, r := range b.Reasons {
		fmt.Fprintf(a.Out, "  %-5s  %s [%s]\n", r.Step, diag.Printable(r.Text), r.Rule)
	}
	switch file := filepath.Join(dir, "Chart.yaml"); {
	case b.Written != "":
		if enough, err := b.Step.Enough(b.Published, b.Written); err == nil && !enough {
			fmt.Fprintf(a.Err, "warning: %s is less than the %s step that the differences ask for\n", b.Written, b.Step)
		}
		fmt.Fprintf(a.Err, "wrote version %s to %s\n", b.Written, file)
	case !b.Enough:
		fmt.Fprintf(a.Err, "%s has %s, which is not enough; write %s with: gantry chart bump %s --auto\n", file, b.Current, b.Next, dir)
	case b.Step != bump.None:
		fmt.Fprintf(a.Err, "%s has %s, which is enough\n", file, b.Current)
	}
	return nil
}

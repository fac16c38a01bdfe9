package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"gantry/repo"
	"gantry/repo/client"
)

// fetchChart returns the path of a chart: of the folder or the archive that the
// reference names, or of the archive that it was downloaded to. Downloads lie in
// Helm's cache and are not fetched twice; where it is to be verified, the signature
// lies beside it.
func (a *app) fetchChart(ctx context.Context, ref string, o *chartOptions) (path string, err error) {
	version := o.version
	_, err = os.Stat(ref)
	switch {
	case err == nil && version != "":
		return "", usageError(fmt.Errorf("%s is a chart on this machine, which has the version it has: leave out --version", ref))
	case err == nil:
		return ref, nil
	case !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, fs.ErrInvalid):
		return "", err
	case meansFile(ref):
		return "", notFoundError(withHint(fmt.Errorf("there is no chart %s", ref), "name a folder, an archive, or a chart of a repository as REPOSITORY/CHART; see: gantry repo search"))
	}
	if ref, version, err = atVersion(ref, version); err != nil {
		return "", err
	}
	c := a.repoClient(client.WithPlainHTTP(o.plainHTTP))
	found, err := c.Find(ctx, ref, version)
	if err != nil {
		return "", repoError(err)
	}
	path, err = c.Download(ctx, found, client.FindPaths(runtime.GOOS, a.Getenv).Cache)
	if err != nil || !o.verify {
		return path, repoError(err)
	}
	_, err = c.DownloadProvenance(ctx, found, path)
	return path, unsigned(err)
}

// unsigned gives an error of fetching a signature its exit code and says what to
// type next.
func unsigned(err error) error {
	if status, ok := errors.AsType[*client.StatusError](err); ok && status.Status == http.StatusNotFound {
		return notFoundError(withHint(fmt.Errorf("the chart is not signed: %w", err), "if you trust the repository nevertheless, leave out --verify and --prov"))
	}
	return repoError(err)
}

// atVersion returns a reference and the version that it, or a flag, asks for.
func atVersion(ref, version string) (string, string, error) {
	name, own := splitVersion(ref)
	if own != "" && version != "" {
		return "", "", usageError(fmt.Errorf("%s names a version itself: leave out --version", ref))
	}
	return name, cmp.Or(own, version), nil
}

// splitVersion splits REPOSITORY/NAME@VERSION; the version is empty when the
// reference names none. What follows the @ of a digest or of a user is none.
func splitVersion(ref string) (name, version string) {
	at := strings.LastIndex(ref, "@")
	if at < 0 || strings.ContainsAny(ref[at:], ":/") {
		return ref, ""
	}
	return ref[:at], ref[at+1:]
}

// onThisMachine reports whether a reference means a folder or a file, whether it
// is there or not.
func onThisMachine(ref string) bool {
	_, err := os.Stat(ref)
	return err == nil || meansFile(ref)
}

// meansFile tells a path that is not there from a chart of a repository.
func meansFile(ref string) bool {
	if strings.Contains(ref, "://") {
		return false
	}
	return filepath.IsAbs(ref) || strings.HasPrefix(ref, ".") || strings.HasSuffix(ref, repo.ArchiveExt) || !strings.Contains(ref, "/")
}

package cli

import (
	"crypto/tls"
	"errors"
	"io/fs"
	"net/http"
	"strings"

	"gantry/repo"
	"gantry/repo/client"
)

// repoError gives an error of a repository its exit code and says what to type
// next.
func repoError(err error) error {
	if err == nil {
		return nil
	}
	if hint := reachHint(err); hint != "" {
		return unreachableError(withHint(err, hint))
	}
	if e, ok := errors.AsType[*client.NoCatalogError](err); ok {
		return noCatalog(err, e)
	}
	if e, ok := errors.AsType[*client.NoChartsError](err); ok {
		if e.Deeper != "" {
			err = withHint(err, "name the path that has the charts right below it")
		}
		return notFoundError(err)
	}
	if status, ok := errors.AsType[*client.StatusError](err); ok {
		return statusCode(err, status)
	}
	if e, ok := errors.AsType[*client.URLError](err); ok {
		if !strings.Contains(e.URL, "://") {
			err = withHint(err, "begin it with https://, or with http:// on this machine")
		}
		return usageError(err)
	}
	if _, ok := errors.AsType[*repo.ConstraintError](err); ok {
		return usageError(err)
	}
	if _, ok := errors.AsType[*client.ReferenceError](err); ok {
		return usageError(err)
	}
	if _, ok := errors.AsType[*repo.UnknownChartError](err); ok {
		return notFoundError(withHint(err, "see what there is with: gantry repo search"))
	}
	if e, ok := errors.AsType[*repo.UnknownVersionError](err); ok {
		hint := "see all versions with: gantry repo search " + e.Name + " --versions --devel"
		if e.OnlyPreReleases {
			hint = "ask for a pre-release by its version, with: --version " + e.Newest[0]
		}
		return notFoundError(withHint(err, hint))
	}
	if errors.Is(err, repo.ErrNotIndex) {
		return withHint(err, "the URL of a repository is that of the folder in which index.yaml lies")
	}
	if errors.Is(err, client.ErrDigest) {
		return withHint(err, "fetch the index again with: gantry repo update; if that does not help, the file was changed after it was published")
	}
	if _, ok := errors.AsType[*client.UnknownRepositoryError](err); ok {
		return notFoundError(withHint(err, "see what is configured with: gantry repo list"))
	}
	if errors.Is(err, fs.ErrNotExist) {
		return notFoundError(err)
	}
	return err
}

// reachHint says what helps where nobody answers, or somebody who is not trusted.
func reachHint(err error) string {
	if errors.Is(err, http.ErrSchemeMismatch) {
		return "it answers without TLS: pass --plain-http if you mean to"
	}
	if _, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return "say whom to trust with: gantry repo add NAME URL --ca-file FILE"
	}
	if _, ok := errors.AsType[*client.UnreachableError](err); ok {
		return "is the repository running, and its address right? See: gantry repo list"
	}
	return ""
}

// noCatalog says how charts are found that nobody lists.
func noCatalog(err error, e *client.NoCatalogError) error {
	const name = "name each chart below it with --chart NAME (repo serve: --upstream-chart NAME)"
	switch status, _ := errors.AsType[*client.StatusError](e.Chart); {
	case status == nil || status.Status == http.StatusNotFound:
		return notFoundError(withHint(err, name))
	case status.Status == http.StatusUnauthorized:
		return withHint(err, "log in with: gantry registry login HOST --username USER; if that does not help, "+name)
	default:
		return withHint(err, name+", or log in with: gantry registry login HOST --username USER")
	}
}

func statusCode(err error, status *client.StatusError) error {
	if status.Hint != "" {
		err = withHint(err, status.Hint)
	}
	switch {
	case status.Status == http.StatusNotFound:
		return notFoundError(err)
	case status.Unavailable():
		return unreachableError(err)
	case status.Status == http.StatusUnauthorized && status.Hint == "":
		return withHint(err, "give a user and a password with: gantry repo add NAME URL --username USER --password-stdin --force-update, or with: gantry registry login HOST --username USER")
	default:
		return err
	}
}

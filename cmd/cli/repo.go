package cli

import (
	"runtime"

	"github.com/spf13/cobra"

	"gantry/repo/client"
)

// repoCommands returns the commands of the group, in the order of the help.
func repoCommands(a *app) []*cobra.Command {
	return []*cobra.Command{newRepo(a), newRegistry(a)}
}

// newRepo gathers the commands for chart repositories.
func newRepo(a *app) *cobra.Command {
	c := &cobra.Command{
		Use:   "repo",
		Short: "Serve chart repositories, and use those of others",
		Long: `The commands below gantry repo share Helm's files: a repository that one of the
tools adds is there for the other, and so is its cached index.`,
		Example: `  gantry repo serve --dir charts
  gantry repo add local http://127.0.0.1:8879
  gantry repo search web`,
	}
	c.AddCommand(
		newRepoServe(a),
		newRepoToken(a),
		newRepoUser(a),
		newRepoFsck(a),
		newRepoMirror(a),
		newRepoExport(a),
		newRepoImport(a),
		newRepoPrune(a),
		newRepoGC(a),
		newRepoAdd(a),
		newRepoList(a),
		newRepoUpdate(a),
		newRepoSearch(a),
		newRepoRemove(a),
		newRepoIndex(a),
	)
	return c
}

// repoClient returns a client for the repositories that this user has
// configured, with Helm or with gantry.
func (a *app) repoClient(options ...client.Option) *client.Client {
	paths := client.FindPaths(runtime.GOOS, a.Getenv)
	options = append(options, client.WithUserAgent("gantry/"+version))
	return client.New(paths, a.Now, options...)
}

package cli

import "github.com/spf13/cobra"

// repoCommands returns the commands of the group, in the order of the help.
func repoCommands(_ *app) []*cobra.Command { return nil }

package cli

import "github.com/spf13/cobra"

// releaseCommands returns the commands of the group, in the order of the help.
func releaseCommands(_ *app) []*cobra.Command { return nil }

package cli

import "github.com/spf13/cobra"

// sandboxCommands returns the commands of the group, in the order of the help.
func sandboxCommands(_ *app) []*cobra.Command { return nil }

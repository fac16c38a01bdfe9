package cli

import "github.com/spf13/cobra"

// chartCommands returns the commands of the group, in the order of the help.
func chartCommands(_ *app) []*cobra.Command { return nil }

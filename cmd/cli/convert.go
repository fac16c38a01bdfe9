package cli

import "github.com/spf13/cobra"

// convertCommands returns the commands of the group, in the order of the help.
func convertCommands(_ *app) []*cobra.Command { return nil }

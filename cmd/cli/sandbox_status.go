package cli

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/spf13/cobra"
)

// sandboxStatus is what status prints.
type sandboxStatus struct {
	Running    bool   `json:"running"`
	Ready      bool   `json:"ready"`
	PID        int    `json:"pid,omitempty"`
	Server     string `json:"server,omitempty"`
	Step       string `json:"step,omitempty"`
	Version    string `json:"version,omitempty"`
	Uptime     string `json:"uptime,omitempty"`
	Dir        string `json:"dir"`
	Kubeconfig string `json:"kubeconfig,omitempty"`
}

func newSandboxStatus(a *app, s *sandboxOptions) *cobra.Command {
	var output string
	c := &cobra.Command{
		Use:     "status",
		Short:   "Say whether the sandbox runs, and where",
		Example: "  gantry sandbox status -o json",
		Args:    cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			folder, err := s.folder(a)
			if err != nil {
				return err
			}
			return runSandboxStatus(a, folder, output)
		},
	}
	c.Flags().StringVarP(&output, "output", "o", "text", "text or json")
	return c
}

func runSandboxStatus(a *app, folder sandboxFolder, output string) error {
	state, running, err := folder.running()
	if err != nil {
		return err
	}
	status := sandboxStatus{Running: running, Dir: folder.dir}
	if running {
		status.Ready, status.Step, status.PID, status.Server, status.Version = state.Ready, state.Step, state.PID, state.Server, state.Version
		status.Kubeconfig = folder.kubeconfig()
		status.Uptime = a.Now().Sub(state.Started).Round(time.Second).String()
	}
	switch output {
	case "json":
		enc := json.NewEncoder(a.Out)
		enc.SetIndent("", "  ")
		return enc.Encode(status)
	case "text":
	default:
		return usageError(fmt.Errorf("unknown output %q: use text or json", output))
	}
	if !running {
		fmt.Fprintf(a.Out, "not running (%s)\n", folder.dir)
		return nil
	}
	word := "ready"
	if !state.Ready {
		word = "starting: " + state.Step
	}
	fmt.Fprintf(a.Out, "%s at %s, Kubernetes %s, process %d, up %s\nkubeconfig: %s\n", word, status.Server, status.Version, status.PID, status.Uptime, status.Kubeconfig)
	return nil
}

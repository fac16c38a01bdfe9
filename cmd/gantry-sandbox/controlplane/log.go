package controlplane

import (
	"context"
	"flag"
	"os"
	"strconv"

	"k8s.io/client-go/rest"
	logsapi "k8s.io/component-base/logs/api/v1"
	"k8s.io/klog/v2"
)

// maxLog is the size over which a log of earlier runs is emptied at the start.
const maxLog = 8 << 20

// openLog sends the log of all components to one file: klog is global to the
// process, and each component would set it up anew.
func (c *cluster) openLog(context.Context) error {
	// Everybody appends, so that emptying the file does not disturb who has it open.
	file, err := os.OpenFile(c.folder.path(logFile), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	if info, err := file.Stat(); err == nil && info.Size() > maxLog {
		if err := file.Truncate(0); err != nil {
			return err
		}
	}
	flags := flag.NewFlagSet("klog", flag.ContinueOnError)
	klog.InitFlags(flags)
	for _, f := range [][2]string{
		{"logtostderr", "false"},
		{"stderrthreshold", "FATAL"},
		{"one_output", "true"},
		{"v", strconv.Itoa(c.Verbosity)},
	} {
		if err := flags.Set(f[0], f[1]); err != nil {
			return err
		}
	}
	klog.SetOutput(file)
	logsapi.ReapplyHandling = logsapi.ReapplyHandlingIgnoreUnchanged
	rest.SetDefaultWarningHandler(rest.NoWarnings{})
	c.onStop(klog.Flush)
	return nil
}

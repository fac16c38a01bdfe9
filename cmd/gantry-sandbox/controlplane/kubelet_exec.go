package controlplane

import (
	"archive/tar"
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/http"
	"path"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/cri-streaming/pkg/streaming/remotecommand"
	utilexec "k8s.io/utils/exec"
)

// maxDisk is how much the files that were copied to one pod may hold.
const maxDisk = 64 << 20

// disks keep the files that were copied to pods.
type disks struct {
	mu   sync.Mutex
	disk map[types.UID]*disk
}

// of returns the files of a pod. They outlive it as long as the process lives.
func (d *disks) of(uid types.UID) *disk {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.disk == nil {
		d.disk = map[types.UID]*disk{}
	}
	if d.disk[uid] == nil {
		d.disk[uid] = &disk{files: map[string][]byte{}}
	}
	return d.disk[uid]
}

// disk is the files of a pod by their paths. Folders are what paths begin with.
type disk struct {
	mu    sync.Mutex
	files map[string][]byte
	size  int
}

func (d *disk) put(name string, data []byte) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.size += len(data) - len(d.files[name]); d.size > maxDisk {
		return errors.New("no space left on device")
	}
	d.files[name] = data
	return nil
}

// below returns the paths of a file or of all files in a folder, sorted.
func (d *disk) below(name string) []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	var names []string
	for file := range d.files {
		if file == name || strings.HasPrefix(file, strings.TrimSuffix(name, "/")+"/") {
			names = append(names, file)
		}
	}
	slices.Sort(names)
	return names
}

func (d *disk) get(name string) ([]byte, bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	data, ok := d.files[name]
	return data, ok
}

// container runs what a fake container can: a handful of commands that do what
// their names say.
type container struct {
	pod  *corev1.Pod
	name string
	disk *disk
}

// stdio is what a command reads and writes.
type stdio struct {
	in       io.Reader
	out, err io.Writer
	// terminal is all three of them, or nil.
	terminal *terminal
}

// ExecInContainer runs a command.
//
//nolint:revive // the parameters are those of the interface of package remotecommand
func (c container) ExecInContainer(_ context.Context, _, _, _ string, cmd []string, in io.Reader, out, errs io.WriteCloser, tty bool, sizes <-chan remotecommand.TerminalSize, _ time.Duration) error {
	s := stdio{in: in, out: out, err: errs}
	if in == nil {
		s.in = strings.NewReader("")
	}
	if errs == nil {
		s.err = out
	}
	if tty {
		s.terminal = newTerminal(s.in, out, c.pod.Name+"$ ", sizes)
		s.out, s.err = s.terminal, s.terminal
	}
	if code := c.run(cmd, s); code != 0 {
		return utilexec.CodeExitError{Err: fmt.Errorf("exit status %d", code), Code: code}
	}
	return nil
}

// run runs a command and returns its exit code.
func (c container) run(cmd []string, s stdio) int {
	if len(cmd) == 0 {
		return 0
	}
	switch args := cmd[1:]; path.Base(cmd[0]) {
	case "true":
		return 0
	case "false":
		return 1
	case "exit":
		return exitWith(args)
	case "echo":
		fmt.Fprintln(s.out, strings.Join(args, " "))
		return 0
	case "hostname":
		fmt.Fprintln(s.out, c.pod.Name)
		return 0
	case "env":
		c.env(s)
		return 0
	case "cat":
		return c.cat(args, s)
	case "tar":
		return c.tar(args, s)
	case "sh", "bash":
		return c.shell(args, s)
	case "stty":
		return s.terminal.stty(args, s)
	default:
		fmt.Fprintf(s.err, "%s: not found: the containers of a sandbox know cat, echo, env, exit, false, hostname, sh, stty, tar and true\n", cmd[0])
		return 127
	}
}

func exitWith(args []string) int {
	if len(args) == 0 {
		return 0
	}
	code, err := strconv.Atoi(args[0])
	if err != nil || code < 0 || code > 255 {
		return 2
	}
	return code
}

// env prints the variables that the pod gives the container literally.
func (c container) env(s stdio) {
	for _, one := range c.pod.Spec.Containers {
		if one.Name != c.name {
			continue
		}
		for _, v := range one.Env {
			if v.ValueFrom == nil {
				fmt.Fprintf(s.out, "%s=%s\n", v.Name, v.Value)
			}
		}
	}
}

func (c container) cat(names []string, s stdio) int {
	if len(names) == 0 {
		_, _ = io.Copy(s.out, s.in) // whoever reads it sees where it ends
		return 0
	}
	for _, name := range names {
		data, ok := c.disk.get(path.Join("/", name))
		if !ok {
			fmt.Fprintf(s.err, "cat: %s: No such file or directory\n", name)
			return 1
		}
		_, _ = s.out.Write(data)
	}
	return 0
}

// shell runs the lines that it reads, or the one that it is given, until one of
// them is exit.
func (c container) shell(args []string, s stdio) int {
	if len(args) == 2 && args[0] == "-c" {
		return c.run(strings.Fields(args[1]), s)
	}
	code := 0
	for line := range linesOf(s) {
		words := strings.Fields(line)
		if len(words) > 0 && words[0] == "exit" {
			return exitWith(words[1:])
		}
		code = c.run(words, stdio{in: strings.NewReader(""), out: s.out, err: s.err, terminal: s.terminal})
	}
	return code
}

// linesOf returns the lines that are typed, or read.
func linesOf(s stdio) iter.Seq[string] {
	return func(yield func(string) bool) {
		if s.terminal == nil {
			for lines := bufio.NewScanner(s.in); lines.Scan(); {
				if !yield(lines.Text()) {
					return
				}
			}
			return
		}
		for {
			line, err := s.terminal.ReadLine()
			if err != nil || !yield(line) {
				return
			}
		}
	}
}

// tar packs and unpacks as far as copying needs it: "tar cf - -C DIR NAME" and
// "tar xf - -C DIR".
func (c container) tar(args []string, s stdio) int {
	dir := "/"
	var names []string
	for i := 1; i < len(args); i++ {
		switch {
		case args[i] == "-" || args[i] == "--" || args[i] == "--no-same-owner":
		case args[i] == "-C" && i+1 < len(args):
			i++
			dir = path.Join("/", args[i])
		default:
			names = append(names, args[i])
		}
	}
	var err error
	switch {
	case len(args) > 0 && strings.Contains(args[0], "c"):
		err = c.pack(dir, names, s.out)
	case len(args) > 0 && strings.Contains(args[0], "x"):
		err = c.unpack(dir, s.in)
	default:
		err = errors.New("neither c nor x")
	}
	if err != nil {
		fmt.Fprintf(s.err, "tar: %v\n", err)
		return 2
	}
	return 0
}

func (c container) pack(dir string, names []string, w io.Writer) error {
	out := tar.NewWriter(w)
	for _, name := range names {
		top := path.Join(dir, name)
		files := c.disk.below(top)
		if len(files) == 0 {
			return fmt.Errorf("%s: Cannot stat: No such file or directory", name)
		}
		for _, file := range files {
			data, _ := c.disk.get(file)
			h := &tar.Header{Name: name + strings.TrimPrefix(file, top), Mode: 0o644, Size: int64(len(data)), Typeflag: tar.TypeReg}
			if err := out.WriteHeader(h); err != nil {
				return err
			}
			if _, err := out.Write(data); err != nil {
				return err
			}
		}
	}
	return out.Close()
}

func (c container) unpack(dir string, r io.Reader) error {
	for in := tar.NewReader(r); ; {
		h, err := in.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if h.Typeflag != tar.TypeReg {
			continue
		}
		var data bytes.Buffer
		if _, err := io.Copy(&data, io.LimitReader(in, maxDisk)); err != nil {
			return err
		}
		if err := c.disk.put(path.Join("/", dir, h.Name), data.Bytes()); err != nil {
			return err
		}
	}
}

// webServer answers at every port of a pod.
type webServer struct{ pod *corev1.Pod }

// PortForward answers the requests of one connection.
func (s webServer) PortForward(_ context.Context, _, _ string, port int32, stream io.ReadWriteCloser) error {
	defer stream.Close()
	for in := bufio.NewReader(stream); ; {
		r, err := http.ReadRequest(in)
		if err != nil {
			return nil // it speaks something else, or has ended
		}
		_, _ = io.Copy(io.Discard, r.Body)
		text := fmt.Sprintf("%s %s at port %d of pod %s/%s: containers do not really run in a sandbox\n", r.Method, r.URL.Path, port, s.pod.Namespace, s.pod.Name)
		_, err = fmt.Fprintf(stream, "HTTP/1.1 200 OK\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: %d\r\n\r\n%s", len(text), text)
		if err != nil || r.Close {
			return err
		}
	}
}

package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"oras.land/oras-go/v2"
	"oras.land/oras-go/v2/content/memory"
	"oras.land/oras-go/v2/registry/remote"
	"oras.land/oras-go/v2/registry/remote/auth"
	"oras.land/oras-go/v2/registry/remote/credentials"
	"oras.land/oras-go/v2/registry/remote/retry"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	var o options
	flag.StringVar(&o.binary, "binary", "bin/gantry", "the gantry binary, linked statically")
	flag.StringVar(&o.name, "name", "gantry:dev", "the name of the image in the file")
	flag.StringVar(&o.out, "out", "bin/gantry-image.tar", "the file to write, an OCI layout that docker load takes, too")
	flag.StringVar(&o.push, "push", "", "a reference to push the image to instead, such as registry.example.org/gantry:0.1.0")
	flag.BoolVar(&o.plainHTTP, "plain-http", false, "push without TLS")
	flag.Parse()
	err := o.run(ctx, os.Stdout)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "image:", err)
		os.Exit(1)
	}
}

type options struct {
	binary, name, out, push string
	plainHTTP               bool
}

func (o *options) run(ctx context.Context, out io.Writer) error {
	platform, err := platformOf(o.binary)
	if err != nil {
		return err
	}
	program, err := os.ReadFile(o.binary)
	if err != nil {
		return err
	}
	store := memory.New()
	if err := packImage(ctx, store, program, platform, o.name); err != nil {
		return err
	}
	if o.push != "" {
		return o.pushFrom(ctx, store, out)
	}
	if err := writeLayout(ctx, store, o.name, o.out); err != nil {
		return err
	}
	fmt.Fprintf(out, "wrote the image %s to %s: docker load -i %s\n", o.name, o.out, o.out)
	return nil
}

// pushFrom pushes the image with the login of docker.
func (o *options) pushFrom(ctx context.Context, store oras.ReadOnlyTarget, out io.Writer) error {
	target, err := remote.NewRepository(o.push)
	if err != nil {
		return err
	}
	logins, err := credentials.NewStoreFromDocker(credentials.StoreOptions{})
	if err != nil {
		return err
	}
	target.PlainHTTP = o.plainHTTP
	target.Client = &auth.Client{Client: retry.DefaultClient, Cache: auth.NewCache(), Credential: credentials.Credential(logins)}
	pushed, err := oras.Copy(ctx, store, o.name, target, target.Reference.Reference, oras.DefaultCopyOptions)
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "pushed %s@%s\n", o.push, pushed.Digest)
	return nil
}

package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"gantry/charts/archive"
	"gantry/charts/provenance"
)

// keyringOptions say whom to trust.
type keyringOptions struct {
	keyring string
}

func (o *keyringOptions) bind(c *cobra.Command) {
	c.Flags().StringVar(&o.keyring, "keyring", "", "file with PGP keys, as gpg --export writes it (default: pubring.gpg in $GNUPGHOME, or in ~/.gnupg)")
	_ = c.MarkFlagFilename("keyring")
}

// keyFlagsHelp says how a passphrase is given.
const keyFlagsHelp = `The passphrase of the key is asked for at the terminal, or read from the first line of
--passphrase-file, or from $GANTRY_PASSPHRASE.`

// signOptions say which key signs.
type signOptions struct {
	keyringOptions

	key            string
	passphraseFile string
}

func (o *signOptions) bind(c *cobra.Command) {
	o.keyringOptions.bind(c)
	f := c.Flags()
	f.StringVar(&o.key, "key", "", "secret key to sign with: its owner, a part of that, or its fingerprint (default: the only one)")
	f.StringVar(&o.passphraseFile, "passphrase-file", "", "file whose first line is the passphrase of the key, - for standard input [$GANTRY_PASSPHRASE]")
	_ = c.MarkFlagFilename("passphrase-file")
}

// What is read of files that belong to signatures, at most.
const (
	maxKeyring    = 64 << 20
	maxSignature  = 1 << 20
	maxPassphrase = 4 << 10
)

// readKeyring reads the keyring of the flags, or the one of GnuPG.
func (a *app) readKeyring(o *keyringOptions) (*provenance.Keyring, error) {
	file := o.keyring
	if file == "" {
		home := a.Getenv("GNUPGHOME")
		if home == "" {
			home = filepath.Join(a.Getenv("HOME"), ".gnupg")
		}
		file = filepath.Join(home, "pubring.gpg")
	}
	const export = "export keys to a file and name it with --keyring: gpg --export > keys.gpg, or gpg --export-secret-keys to sign"
	data, err := readSmall(file, maxKeyring)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, notFoundError(withHint(fmt.Errorf("there is no keyring %s", file), export))
	}
	if err != nil {
		return nil, err
	}
	keyring, err := provenance.ReadKeyring(data)
	if err != nil {
		return nil, withHint(fmt.Errorf("%s: %w", file, err), export)
	}
	return keyring, nil
}

// readSmall reads a file that must not be larger than a limit.
func readSmall(name string, limit int64) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err == nil && int64(len(data)) > limit {
		return nil, fmt.Errorf("%s is larger than %d bytes", name, limit)
	}
	return data, err
}

// signer returns the key of the flags, unlocked.
func (a *app) signer(ctx context.Context, o *signOptions) (*provenance.Signer, error) {
	keyring, err := a.readKeyring(&o.keyringOptions)
	if err != nil {
		return nil, err
	}
	signer, err := keyring.Signer(o.key, a.Now())
	if e, ok := errors.AsType[*provenance.KeyError](err); ok {
		return nil, notFoundError(withHint(e, "name the key with --key, and a file that has it with --keyring: gpg --export-secret-keys > secret.gpg"))
	}
	if err != nil || !signer.Locked() {
		return signer, err
	}
	passphrase, err := a.passphrase(ctx, signer.Name(), o.passphraseFile)
	if err != nil {
		return nil, err
	}
	return signer, signer.Unlock(passphrase)
}

// passphrase reads the passphrase of a key: from a file, from the environment, or
// from the terminal, which does not show it.
func (a *app) passphrase(ctx context.Context, owner, file string) ([]byte, error) {
	if file == "-" {
		return firstLine(io.ReadAll(io.LimitReader(a.In, maxPassphrase)))
	}
	if file != "" {
		return firstLine(readSmall(file, maxPassphrase))
	}
	if text, ok := a.LookupEnv("GANTRY_PASSPHRASE"); ok {
		return []byte(text), nil
	}
	in, ok := a.In.(*os.File)
	if !ok || !term.IsTerminal(int(in.Fd())) {
		return nil, withHint(fmt.Errorf("the key of %s has a passphrase, and there is no terminal to ask for it", owner), "give it with --passphrase-file FILE, - for standard input, or with $GANTRY_PASSPHRASE")
	}
	return readHidden(ctx, a.Err, in, "passphrase of "+owner+": ")
}

// readHidden asks at the terminal. An interrupt leaves the terminal as it was.
func readHidden(ctx context.Context, out io.Writer, in *os.File, prompt string) ([]byte, error) {
	before, err := term.GetState(int(in.Fd()))
	if err != nil {
		return nil, err
	}
	type line struct {
		text []byte
		err  error
	}
	done := make(chan line, 1)
	go func() {
		text, err := term.ReadPassword(int(in.Fd()))
		done <- line{text, err}
	}()
	awaitHidden(in, before)
	fmt.Fprint(out, prompt)
	defer fmt.Fprintln(out)
	select {
	case <-ctx.Done():
		return nil, errors.Join(ctx.Err(), term.Restore(int(in.Fd()), before))
	case l := <-done:
		return l.text, l.err
	}
}

// hiddenTries is how often a terminal is looked at, once a millisecond: one that showed
// nothing before stays as it was.
const hiddenTries = 500

// awaitHidden waits until a terminal shows nothing of what is typed. Who asks earlier may
// show the beginning of the answer; and who puts the terminal back earlier, at an
// interrupt, may leave it to a shell without an echo.
func awaitHidden(in *os.File, before *term.State) {
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for range hiddenTries {
		if now, err := term.GetState(int(in.Fd())); err != nil || *now != *before {
			return
		}
		<-tick.C
	}
}

func firstLine(data []byte, err error) ([]byte, error) {
	line, _, _ := bytes.Cut(data, []byte("\n"))
	return bytes.TrimSuffix(line, []byte("\r")), err
}

// signFile writes the signature of an archive beside it.
func signFile(file string, signer *provenance.Signer) (string, error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return "", err
	}
	signature, err := signer.Sign(filepath.Base(file), data)
	if err != nil {
		return "", err
	}
	return file + provenance.Ext, archive.WriteFile(file+provenance.Ext, signature)
}

// verifyFile checks the signature that lies beside an archive.
func (a *app) verifyFile(file string, keyring *provenance.Keyring) (*provenance.Verified, error) {
	info, err := os.Stat(file)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, notFoundError(fmt.Errorf("there is no chart %s", file))
	case err != nil:
		return nil, err
	case info.IsDir():
		return nil, usageError(withHint(fmt.Errorf("%s is a folder, and signatures are of packed charts", file), "pack and sign it with: gantry package --sign"))
	}
	signature, err := readSmall(file+provenance.Ext, maxSignature)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, notFoundError(withHint(fmt.Errorf("%s is not signed: there is no %s", file, file+provenance.Ext), "sign it with: gantry chart sign, or leave out --verify"))
	}
	if err != nil {
		return nil, err
	}
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	v, err := keyring.Verify(filepath.Base(file), data, signature, a.Now())
	if err != nil {
		err = fmt.Errorf("%s: %w", file, err)
	}
	if errors.Is(err, provenance.ErrUnknownKey) {
		err = withHint(err, "when you trust the signer, export the public key into a file and name it with --keyring")
	}
	return v, err
}

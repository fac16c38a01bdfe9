package provenance

import (
	"bytes"
	"crypto"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp"
	"github.com/ProtonMail/go-crypto/openpgp/clearsign"
	pgperrors "github.com/ProtonMail/go-crypto/openpgp/errors"
	"github.com/ProtonMail/go-crypto/openpgp/packet"
	"sigs.k8s.io/yaml"

	"gantry/charts/alias"
	"gantry/charts/archive"
)

// Why a signature does not hold.
var (
	// ErrUnknownKey means that the key is not in the keyring.
	ErrUnknownKey = errors.New("signed with a key that the keyring does not have")
	// ErrBadSignature means that the signed text was changed, that the signature
	// is none, or that its key has expired.
	ErrBadSignature = errors.New("the signature does not hold")
	// ErrOtherContent means that the archive is not the one that was signed.
	ErrOtherContent = errors.New("the signature is for something else")
)

// Verified is what a signature proves.
type Verified struct {
	// File is the archive, and Digest its SHA-256.
	File   string `json:"file"`
	Digest string `json:"digest"`
	// Signer is what the key calls its owner.
	Signer      string `json:"signer"`
	Fingerprint string `json:"fingerprint"`
}

// Verify checks that a key of the keyring has signed the archive of this name.
func (k *Keyring) Verify(file string, data, signature []byte, now time.Time) (*Verified, error) {
	block, _ := clearsign.Decode(signature)
	if block == nil {
		return nil, fmt.Errorf("%w: it is not a clear-signed text", ErrBadSignature)
	}
	config := &packet.Config{DefaultHash: crypto.SHA512, Time: func() time.Time { return now }}
	by, err := openpgp.CheckDetachedSignature(k.entities, bytes.NewReader(block.Bytes), block.ArmoredSignature.Body, config)
	switch {
	case errors.Is(err, pgperrors.ErrUnknownIssuer):
		return nil, ErrUnknownKey
	case err != nil:
		return nil, fmt.Errorf("%w: %w", ErrBadSignature, err)
	}
	head, tail, ok := bytes.Cut(block.Plaintext, []byte(separator))
	if !ok {
		return nil, fmt.Errorf("%w: it names no file", ErrOtherContent)
	}
	v := &Verified{File: file, Digest: "sha256:" + archive.Digest(data), Signer: nameOf(by), Fingerprint: fingerprint(by)}
	if err := v.check(head, tail, data); err != nil {
		return nil, err
	}
	return v, nil
}

// check compares what was signed with what is there.
func (v *Verified) check(head, tail, data []byte) error {
	for _, text := range [][]byte{head, tail} {
		if err := alias.Check(text, archive.MaxFileBytes); err != nil {
			return fmt.Errorf("%w: %w", ErrOtherContent, err)
		}
	}
	var sums digests
	if err := yaml.Unmarshal(tail, &sums); err != nil {
		return fmt.Errorf("%w: its digests cannot be read: %w", ErrOtherContent, err)
	}
	switch sum, ok := sums.Files[v.File]; {
	case !ok:
		return fmt.Errorf("%w: it is not for a file called %s", ErrOtherContent, v.File)
	case !strings.EqualFold(sum, v.Digest):
		return fmt.Errorf("%w: %s is %s, and signed was %s", ErrOtherContent, v.File, v.Digest, sum)
	}
	var signed struct{ Name, Version string }
	if err := yaml.Unmarshal(head, &signed); err != nil {
		return fmt.Errorf("%w: its metadata cannot be read: %w", ErrOtherContent, err)
	}
	c, err := archive.Unpack(bytes.NewReader(data))
	if err != nil {
		return err
	}
	if signed.Name != c.Name() || signed.Version != c.Metadata.Version {
		return fmt.Errorf("%w: %s holds %s %s, and signed was %s %s", ErrOtherContent, v.File, c.Name(), c.Metadata.Version, signed.Name, signed.Version)
	}
	return nil
}

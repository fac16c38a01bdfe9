package provenance

import (
	"bytes"
	"crypto"
	"fmt"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp"
	"github.com/ProtonMail/go-crypto/openpgp/clearsign"
	"github.com/ProtonMail/go-crypto/openpgp/packet"
	"sigs.k8s.io/yaml"

	"gantry/charts/archive"
)

// Ext is what the name of a signature has behind that of its archive.
const Ext = ".prov"

// separator stands between the metadata and the digests. A line of hyphens, which
// YAML has between documents, would be escaped in a signed text.
const separator = "\n...\n"

// digests is the second part of a signed text.
type digests struct {
	Files map[string]string `json:"files"`
}

// Signer signs archives with one key.
type Signer struct {
	entity *openpgp.Entity
	key    *packet.PrivateKey
	now    time.Time
}

// Name returns what the key calls its owner.
func (s *Signer) Name() string { return nameOf(s.entity) }

// Locked reports whether the key needs a passphrase.
func (s *Signer) Locked() bool { return s.key.Encrypted }

// Unlock takes the passphrase off the key, in memory.
func (s *Signer) Unlock(passphrase []byte) error {
	if err := s.key.Decrypt(passphrase); err != nil {
		return &KeyError{Key: s.Name(), Problem: "the passphrase does not open it"}
	}
	return nil
}

// Sign returns the signature of an archive that has this name.
func (s *Signer) Sign(file string, data []byte) ([]byte, error) {
	c, err := archive.Unpack(bytes.NewReader(data))
	if err != nil {
		return nil, err
	}
	head, err := yaml.Marshal(c.Metadata)
	if err != nil {
		return nil, err
	}
	tail, err := yaml.Marshal(digests{Files: map[string]string{file: "sha256:" + archive.Digest(data)}})
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	w, err := clearsign.Encode(&b, s.key, s.config())
	if err != nil {
		return nil, fmt.Errorf("sign with the key of %s: %w", s.Name(), err)
	}
	for _, text := range [][]byte{head, []byte(separator), tail} {
		if _, err := w.Write(text); err != nil {
			return nil, err
		}
	}
	if err := w.Close(); err != nil {
		return nil, fmt.Errorf("sign with the key of %s: %w", s.Name(), err)
	}
	b.WriteByte('\n')
	return b.Bytes(), nil
}

func (s *Signer) config() *packet.Config {
	return &packet.Config{DefaultHash: crypto.SHA512, Time: func() time.Time { return s.now }}
}

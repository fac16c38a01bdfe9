package provenance

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp"
	"github.com/ProtonMail/go-crypto/openpgp/armor"
)

// Keyring is the keys that are trusted, or that sign.
type Keyring struct{ entities openpgp.EntityList }

// ErrKeybox reports a keyring in the format that GnuPG 2.1 and later keep for
// themselves, which nobody else reads.
var ErrKeybox = errors.New("a keybox of GnuPG, which only GnuPG reads")

// ReadKeyring reads exported keys, armored or not.
func ReadKeyring(data []byte) (*Keyring, error) {
	switch {
	case len(data) > 12 && string(data[8:12]) == "KBXf":
		return nil, ErrKeybox
	case bytes.Contains(data, []byte("-----BEGIN PGP")):
		return readArmored(data)
	}
	list, err := openpgp.ReadKeyRing(bytes.NewReader(data))
	if err != nil {
		return nil, fmt.Errorf("not a keyring: %w", err)
	}
	return &Keyring{list}, nil
}

// readArmored reads all armored blocks of a file.
func readArmored(data []byte) (*Keyring, error) {
	k := &Keyring{}
	for rest := data; ; {
		at := bytes.Index(rest, []byte("-----BEGIN PGP"))
		if at < 0 {
			return k, nil
		}
		block, err := armor.Decode(bytes.NewReader(rest[at:]))
		if err != nil {
			return nil, fmt.Errorf("not a keyring: %w", err)
		}
		list, err := openpgp.ReadKeyRing(block.Body)
		if err != nil {
			return nil, fmt.Errorf("not a keyring: %w", err)
		}
		k.entities = append(k.entities, list...)
		rest = rest[at+len("-----BEGIN PGP"):]
	}
}

// Names returns what the keys call their owners, in the order of the keyring.
func (k *Keyring) Names() []string {
	var names []string
	for _, e := range k.entities {
		names = append(names, nameOf(e))
	}
	return names
}

// nameOf returns the primary identity of a key, or its fingerprint.
func nameOf(e *openpgp.Entity) string {
	if id := e.PrimaryIdentity(); id != nil {
		return id.Name
	}
	return fingerprint(e)
}

func fingerprint(e *openpgp.Entity) string {
	return strings.ToUpper(hex.EncodeToString(e.PrimaryKey.Fingerprint))
}

// KeyError says why a keyring has no key to sign with.
type KeyError struct {
	// Key is what was asked for; it may be empty.
	Key string
	// Problem says what is wrong.
	Problem string
	// Have are the owners of the keys that could have been meant.
	Have []string
}

// Error prints the key, the problem and what there is.
func (e *KeyError) Error() string {
	msg := e.Problem
	if e.Key != "" {
		msg = fmt.Sprintf("key %q: %s", e.Key, e.Problem)
	}
	if len(e.Have) > 0 {
		msg += " (there are: " + strings.Join(e.Have, "; ") + ")"
	}
	return msg
}

// Signer returns the secret key that a name means: the whole identity of its
// owner, a part of it, or the end of the fingerprint. Without a name it is the
// only secret key.
func (k *Keyring) Signer(name string, now time.Time) (*Signer, error) {
	var exact, partly []*openpgp.Entity
	for _, e := range k.entities {
		switch matches(e, name) {
		case whole:
			exact = append(exact, e)
		case part:
			partly = append(partly, e)
		case nothing:
		}
	}
	found := exact
	if len(found) == 0 {
		found = partly
	}
	secret := slices.DeleteFunc(slices.Clone(found), func(e *openpgp.Entity) bool { return e.PrivateKey == nil })
	switch {
	case len(found) == 0:
		return nil, &KeyError{Key: name, Problem: "not in the keyring", Have: k.Names()}
	case len(secret) == 0:
		return nil, &KeyError{Key: name, Problem: "the keyring has the public key only, and signing takes the secret one"}
	case len(secret) > 1:
		return nil, &KeyError{Key: name, Problem: "several keys could be meant", Have: (&Keyring{secret}).Names()}
	}
	key, ok := secret[0].SigningKey(now)
	if !ok || key.PrivateKey == nil {
		return nil, &KeyError{Key: name, Problem: "the key may not sign, or has expired"}
	}
	return &Signer{entity: secret[0], key: key.PrivateKey, now: now}, nil
}

// shortID is how many digits of a fingerprint name a key at least.
const shortID = 8

type match int

const (
	nothing match = iota
	part
	whole
)

func matches(e *openpgp.Entity, name string) match {
	best := nothing
	end := strings.ToUpper(strings.ReplaceAll(strings.TrimPrefix(name, "0x"), " ", ""))
	if name == "" || len(end) >= shortID && strings.HasSuffix(fingerprint(e), end) {
		best = part
	}
	for _, id := range slices.Sorted(maps.Keys(e.Identities)) {
		switch {
		case id == name:
			return whole
		case strings.Contains(id, name):
			best = part
		}
	}
	return best
}

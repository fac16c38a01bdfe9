package provenance_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp"
	"github.com/ProtonMail/go-crypto/openpgp/armor"

	"gantry/charts"
	"gantry/charts/archive"
	"gantry/charts/provenance"
)

func now() time.Time { return time.Now() }

// entity makes a key.
func entity(t *testing.T, name string) *openpgp.Entity {
	t.Helper()
	e, err := openpgp.NewEntity(name, "", strings.ToLower(name)+"@example.org", nil)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func public(t *testing.T, entities ...*openpgp.Entity) []byte {
	t.Helper()
	var b bytes.Buffer
	for _, e := range entities {
		if err := e.Serialize(&b); err != nil {
			t.Fatal(err)
		}
	}
	return b.Bytes()
}

func secret(t *testing.T, e *openpgp.Entity) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := e.SerializePrivateWithoutSigning(&b, nil); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func keyring(t *testing.T, data []byte) *provenance.Keyring {
	t.Helper()
	k, err := provenance.ReadKeyring(data)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func packed(t *testing.T, name, version string) []byte {
	t.Helper()
	c, err := archive.FromFiles([]charts.File{{Name: "Chart.yaml", Data: []byte("apiVersion: v2\nname: " + name + "\nversion: " + version + "\ndescription: |\n  a\n\n  ...\n  - b\n")}})
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := archive.Pack(&b, c); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestSignAndVerify(t *testing.T) {
	ann, bob := entity(t, "Ann"), entity(t, "Bob")
	signer, err := keyring(t, secret(t, ann)).Signer("", now())
	if err != nil {
		t.Fatal(err)
	}
	data := packed(t, "web", "1.0.0")
	signature, err := signer.Sign("web-1.0.0.tgz", data)
	if err != nil {
		t.Fatal(err)
	}
	both := keyring(t, public(t, bob, ann))
	v, err := both.Verify("web-1.0.0.tgz", data, signature, now())
	if err != nil || v.Signer != "Ann <ann@example.org>" || v.Digest != "sha256:"+archive.Digest(data) || len(v.Fingerprint) != 40 {
		t.Fatalf("got %+v, error %v", v, err)
	}
	tests := []struct {
		name      string
		ring      *provenance.Keyring
		file      string
		data      []byte
		signature []byte
		at        time.Time
		want      error
	}{
		{"nobody's key", keyring(t, public(t, bob)), "web-1.0.0.tgz", data, signature, now(), provenance.ErrUnknownKey},
		{"another archive", both, "web-1.0.0.tgz", packed(t, "web", "1.0.1"), signature, now(), provenance.ErrOtherContent},
		{"another name", both, "shop-1.0.0.tgz", data, signature, now(), provenance.ErrOtherContent},
		{"another text", both, "web-1.0.0.tgz", data, bytes.Replace(signature, []byte("name: web"), []byte("name: wob"), 1), now(), provenance.ErrBadSignature},
		{"no signature", both, "web-1.0.0.tgz", data, []byte("signed: yes"), now(), provenance.ErrBadSignature},
		{"from the future", both, "web-1.0.0.tgz", data, signature, now().AddDate(-1, 0, 0), provenance.ErrBadSignature},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if v, err := test.ring.Verify(test.file, test.data, test.signature, test.at); !errors.Is(err, test.want) || v != nil {
				t.Errorf("got %+v, error %v, want %v", v, err, test.want)
			}
		})
	}
}

func TestPassphrases(t *testing.T) {
	ann := entity(t, "Ann")
	if err := ann.EncryptPrivateKeys([]byte("open sesame"), nil); err != nil {
		t.Fatal(err)
	}
	signer, err := keyring(t, secret(t, ann)).Signer("Ann", now())
	if err != nil || !signer.Locked() {
		t.Fatalf("the key is not locked, error %v", err)
	}
	if _, err := signer.Sign("web-1.0.0.tgz", packed(t, "web", "1.0.0")); err == nil {
		t.Error("a locked key signs")
	}
	if err := signer.Unlock([]byte("wrong")); err == nil || !strings.Contains(err.Error(), `"Ann <ann@example.org>": the passphrase does not open it`) {
		t.Errorf("the wrong passphrase: error %v", err)
	}
	if err := signer.Unlock([]byte("open sesame")); err != nil || signer.Locked() {
		t.Errorf("locked %t, error %v", signer.Locked(), err)
	}
	if _, err := signer.Sign("web-1.0.0.tgz", packed(t, "web", "1.0.0")); err != nil {
		t.Error(err)
	}
}

func TestSigner(t *testing.T) {
	ann, anna := entity(t, "Ann"), entity(t, "Anna")
	ring := keyring(t, append(secret(t, ann), secret(t, anna)...))
	mark := strings.ToLower(fingerprintOf(t, ann))
	tests := []struct{ key, want, problem string }{
		{"Ann <ann@example.org>", "Ann <ann@example.org>", ""},
		{"anna@", "Anna <anna@example.org>", ""},
		{mark, "Ann <ann@example.org>", ""},
		{"0x" + mark[30:], "Ann <ann@example.org>", ""},
		{"Ann", "", `key "Ann": several keys could be meant (there are: Ann <ann@example.org>; Anna <anna@example.org>)`},
		{"", "", "several keys could be meant (there are: Ann <ann@example.org>; Anna <anna@example.org>)"},
		{"Eve", "", `key "Eve": not in the keyring (there are: Ann <ann@example.org>; Anna <anna@example.org>)`},
	}
	for _, test := range tests {
		s, err := ring.Signer(test.key, now())
		if test.problem != "" {
			if err == nil || err.Error() != test.problem {
				t.Errorf("%q: error %v, want %s", test.key, err, test.problem)
			}
			continue
		}
		if err != nil || s.Name() != test.want {
			t.Errorf("%q: error %v, want %s", test.key, err, test.want)
		}
	}
	if _, err := keyring(t, public(t, ann)).Signer("Ann", now()); err == nil || !strings.Contains(err.Error(), "the public key only") {
		t.Errorf("a public key signs: error %v", err)
	}
}

func fingerprintOf(t *testing.T, e *openpgp.Entity) string {
	t.Helper()
	signer, err := keyring(t, secret(t, e)).Signer("", now())
	if err != nil {
		t.Fatal(err)
	}
	data := packed(t, "web", "1.0.0")
	signature, err := signer.Sign("a.tgz", data)
	if err != nil {
		t.Fatal(err)
	}
	v, err := keyring(t, public(t, e)).Verify("a.tgz", data, signature, now())
	if err != nil {
		t.Fatal(err)
	}
	return v.Fingerprint
}

func TestReadKeyring(t *testing.T) {
	ann, bob := entity(t, "Ann"), entity(t, "Bob")
	var b bytes.Buffer
	for _, e := range []*openpgp.Entity{ann, bob} {
		w, err := armor.Encode(&b, openpgp.PublicKeyType, nil)
		if err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(e.Serialize(w), w.Close()); err != nil {
			t.Fatal(err)
		}
		b.WriteString("\n")
	}
	if names := keyring(t, b.Bytes()).Names(); len(names) != 2 || names[1] != "Bob <bob@example.org>" {
		t.Errorf("two armored keys are read as %q", names)
	}
	if _, err := provenance.ReadKeyring([]byte("\x00\x00\x00\x20\x01\x01\x00\x02KBXf\x00\x00\x00\x00")); !errors.Is(err, provenance.ErrKeybox) {
		t.Errorf("a keybox: error %v", err)
	}
	for _, text := range []string{"no keys", "-----BEGIN PGP PUBLIC KEY BLOCK-----\n\nAAAA\n-----END PGP PUBLIC KEY BLOCK-----\n"} {
		if _, err := provenance.ReadKeyring([]byte(text)); err == nil {
			t.Errorf("%q is a keyring", text)
		}
	}
}

// FuzzVerify changes a signature: whatever still holds is over the same text.
func FuzzVerify(f *testing.F) {
	f.Add([]byte("-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA512\n\nname: web\n...\n"), 0, byte('x'))
	f.Add([]byte(nil), 70, byte('x'))
	ann, err := openpgp.NewEntity("Ann", "", "", nil)
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, instead []byte, at int, b byte) {
		data := packed(t, "web", "1.0.0")
		signature := instead
		if len(instead) == 0 {
			signer, err := keyring(t, secret(t, ann)).Signer("", now())
			if err != nil {
				t.Fatal(err)
			}
			if signature, err = signer.Sign("web-1.0.0.tgz", data); err != nil {
				t.Fatal(err)
			}
			signature[max(0, at)%len(signature)] = b
		}
		v, err := keyring(t, public(t, ann)).Verify("web-1.0.0.tgz", data, signature, now())
		if err == nil && v.Digest != "sha256:"+archive.Digest(data) {
			t.Errorf("verified is %s", v.Digest)
		}
		if other := packed(t, "web", "1.0.1"); err == nil {
			if _, err := keyring(t, public(t, ann)).Verify("web-1.0.0.tgz", other, signature, now()); err == nil {
				t.Error("the signature holds for another archive, too")
			}
		}
	})
}

package cli_test

import (
	"bytes"
	"os"

	"github.com/ProtonMail/go-crypto/openpgp"
	"github.com/rogpeppe/go-internal/testscript"
)

// keys writes the keyrings of a new PGP key, whose owner has this name. With a
// passphrase the secret key is locked:
//
//	keys NAME SECRET PUBLIC [PASSPHRASE]
func keys(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 3 || len(args) > 4 {
		ts.Fatalf("usage: keys NAME SECRET PUBLIC [PASSPHRASE]")
	}
	key, err := openpgp.NewEntity(args[0], "", "", nil)
	ts.Check(err)
	var secret, public bytes.Buffer
	ts.Check(key.Serialize(&public))
	if len(args) == 4 {
		ts.Check(key.EncryptPrivateKeys([]byte(args[3]), nil))
	}
	ts.Check(key.SerializePrivateWithoutSigning(&secret, nil))
	ts.Check(os.WriteFile(ts.MkAbs(args[1]), secret.Bytes(), 0o600))
	ts.Check(os.WriteFile(ts.MkAbs(args[2]), public.Bytes(), 0o600))
}

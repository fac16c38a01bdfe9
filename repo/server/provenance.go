package server

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/ProtonMail/go-crypto/openpgp/clearsign"

	"gantry/repo"
)

// signedText is what the signer of a chart signed: which chart, and the digests
// of its files.
type signedText struct {
	Name    string
	Version string
	Files   map[string]string
}

// readProvenance reads a .prov file without judging its signature: whose key is
// trusted is for those who install the chart to say.
func readProvenance(text []byte) (signedText, error) {
	block, _ := clearsign.Decode(text)
	if block == nil {
		return signedText{}, errors.New("the signature is not a clear-signed text")
	}
	head, tail, ok := bytes.Cut(block.Plaintext, []byte("\n...\n"))
	if !ok {
		return signedText{}, errors.New("the signed text does not name the files that it is for")
	}
	var meta struct{ Name, Version string }
	if err := readYAML(head, &meta); err != nil {
		return signedText{}, fmt.Errorf("the signed Chart.yaml: %w", err)
	}
	var sums struct{ Files map[string]string }
	if err := readYAML(tail, &sums); err != nil {
		return signedText{}, fmt.Errorf("the signed digests: %w", err)
	}
	return signedText{Name: meta.Name, Version: meta.Version, Files: sums.Files}, nil
}

// checkProvenance says why a .prov file is not for an archive.
func checkProvenance(text []byte, name, version, digest string) error {
	signed, err := readProvenance(text)
	if err != nil {
		return err
	}
	file := repo.FileName(name, version)
	switch sum, ok := signed.Files[file]; {
	case signed.Name != name || signed.Version != version:
		return fmt.Errorf("the signature is for %s %s", signed.Name, signed.Version)
	case !ok:
		return fmt.Errorf("the signature is not for a file %s", file)
	case !repo.SameDigest(sum, digest):
		return fmt.Errorf("the signature is for other content of %s (%s)", file, sum)
	}
	return nil
}

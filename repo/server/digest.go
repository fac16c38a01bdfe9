package server

import (
	"crypto/sha256"
	"crypto/sha512"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"

	"gantry/charts/pattern"
)

// Content is kept by its digest. The server names all content by SHA-256; what a client
// of the registry names by SHA-512 is kept by that, in a folder of its own, for whoever
// asks for one digest knows nothing of the other.
const (
	sha256Prefix = "sha256:"
	sha512Prefix = "sha512:"

	contentFolder = ownFolder + "blobs/"
	blobFolder    = contentFolder + "sha256/"
	sha512Folder  = contentFolder + "sha512/"
)

// maxDigest is the longest digest that something may be said to refer to. That of
// SHA-512 has 135 letters.
const maxDigest = 255

var (
	digestSyntax = pattern.Lazy(`^[a-z0-9]+([+._-][a-z0-9]+)*:[a-zA-Z0-9=_-]+$`)
	ourDigest    = pattern.Lazy(`^(sha256:[a-f0-9]{64}|sha512:[a-f0-9]{128})$`)
)

// checkDigest takes digests by which content can be kept.
func checkDigest(digest string) error {
	if ourDigest().MatchString(digest) {
		return nil
	}
	if err := checkSyntax(digest); err != nil {
		return err
	}
	return ociProblem(http.StatusBadRequest, "UNSUPPORTED", "digests are SHA-256 or SHA-512 here")
}

// checkSyntax takes digests of whichever algorithm: that there is no content of one here
// is another answer than that it is none.
func checkSyntax(digest string) error {
	if ourDigest().MatchString(digest) {
		return nil
	}
	ours := strings.HasPrefix(digest, sha256Prefix) || strings.HasPrefix(digest, sha512Prefix)
	if ours || len(digest) > maxDigest || !digestSyntax().MatchString(digest) {
		return ociProblem(http.StatusBadRequest, "DIGEST_INVALID", strconv.Quote(digest)+" is not a digest")
	}
	return nil
}

// blobKey is where content lies that has a SHA-256.
func blobKey(sum string) string { return blobFolder + sum[:2] + "/" + sum }

// digestKey is where content lies that has a digest.
func digestKey(digest string) string {
	if sum, ok := strings.CutPrefix(digest, sha512Prefix); ok {
		return sha512Folder + sum
	}
	return blobKey(strings.TrimPrefix(digest, sha256Prefix))
}

// keyDigest is the digest of what lies somewhere. Only the last part of the key counts.
func keyDigest(key string) string {
	sum := key[strings.LastIndex(key, "/")+1:]
	if len(sum) == hex.EncodedLen(sha512.Size) {
		return sha512Prefix + sum
	}
	return sha256Prefix + sum
}

// digestLike reads to the end and returns the digest, by the algorithm of another one.
func digestLike(digest string, r io.Reader) (string, error) {
	prefix, sum := sha256Prefix, sha256.New()
	if strings.HasPrefix(digest, sha512Prefix) {
		prefix, sum = sha512Prefix, sha512.New()
	}
	if _, err := io.Copy(sum, r); err != nil {
		return "", err
	}
	return fmt.Sprintf("%s%x", prefix, sum.Sum(nil)), nil
}

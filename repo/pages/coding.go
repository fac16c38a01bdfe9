package pages

import (
	"bytes"
	"compress/gzip"
	"net/http"

	"gantry/repo/codings"
)

// minPacked is how long a body is that is worth compressing, in bytes.
const minPacked = 1 << 10

// takesGzip reports whether a client reads what gzip has compressed.
func takesGzip(r *http.Request) bool {
	return codings.Weight(r.Header.Values("Accept-Encoding"), codings.Gzip) > 0
}

// packed compresses a body.
func packed(data []byte) []byte {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, _ = w.Write(data) // memory takes everything
	_ = w.Close()
	return b.Bytes()
}

package blob_test

import (
	"os"
	"testing"

	"gantry/testdata/objectstore"
)

// TestMain gives the process the credentials of the S3 server of the tests, for
// that is where the library of AWS looks for them.
func TestMain(m *testing.M) {
	objectstore.SetCredentials()
	os.Exit(m.Run())
}

package server_test

import (
	"os"
	"testing"

	"gantry/testdata/objectstore"
)

// TestMain gives the process the credentials of the S3 server of the tests.
func TestMain(m *testing.M) {
	objectstore.SetCredentials()
	os.Exit(m.Run())
}

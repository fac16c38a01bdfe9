package store

import (
	"fmt"

	"helm.sh/helm/v3/pkg/storage"
	"helm.sh/helm/v3/pkg/storage/driver"
	"k8s.io/client-go/kubernetes"
)

// The drivers that [Open] knows.
const (
	Secret    = "secret"
	ConfigMap = "configmap"
	SQL       = "sql"
	Memory    = "memory"
)

// Options says where records are.
type Options struct {
	// Driver is one of the above, their plurals, or empty for secrets.
	Driver string
	// Namespace of the releases; empty for those of all namespaces.
	Namespace string
	// Client is what Secrets and ConfigMaps are read and written with.
	Client kubernetes.Interface
	// Database says to [SQL] which PostgreSQL to use, as a URL or as words such as
	// host=db dbname=releases. It may hold a password.
	Database string
}

// Open returns the records of a namespace, or of all. Only [SQL] connects at once,
// and makes the tables that it needs.
func Open(o Options) (*storage.Storage, error) {
	var records driver.Driver
	switch o.Driver {
	case "", Secret, "secrets":
		records = newSecrets(o.Client, o.Namespace)
	case ConfigMap, "configmaps":
		records = driver.NewConfigMaps(configMaps{o.Client.CoreV1().ConfigMaps(o.Namespace)})
	case SQL:
		database, err := openSQL(o)
		if err != nil {
			return nil, err
		}
		records = database
	case Memory:
		memory := driver.NewMemory()
		memory.SetNamespace(o.Namespace)
		records = memory
	default:
		return nil, &UnknownDriverError{Name: o.Driver}
	}
	return storage.Init(records), nil
}

// UnknownDriverError is a driver that there is not.
type UnknownDriverError struct{ Name string }

// Error names those that there are.
func (e *UnknownDriverError) Error() string {
	return fmt.Sprintf("unknown driver %q for records: use %s, %s, %s or %s", e.Name, Secret, ConfigMap, SQL, Memory)
}

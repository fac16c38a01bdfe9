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
	Memory    = "memory"
)

// Open returns the records of a namespace, or of all when it is empty. The
// driver is one of the above, their plurals, or empty for secrets. Memory needs
// no client.
func Open(name string, client kubernetes.Interface, namespace string) (*storage.Storage, error) {
	var records driver.Driver
	switch name {
	case "", Secret, "secrets":
		records = newSecrets(client, namespace)
	case ConfigMap, "configmaps":
		records = driver.NewConfigMaps(client.CoreV1().ConfigMaps(namespace))
	case Memory:
		memory := driver.NewMemory()
		memory.SetNamespace(namespace)
		records = memory
	default:
		return nil, &UnknownDriverError{Name: name}
	}
	return storage.Init(records), nil
}

// UnknownDriverError is a driver that there is not.
type UnknownDriverError struct{ Name string }

// Error names those that there are.
func (e *UnknownDriverError) Error() string {
	return fmt.Sprintf("unknown driver %q for records: use %s, %s or %s", e.Name, Secret, ConfigMap, Memory)
}

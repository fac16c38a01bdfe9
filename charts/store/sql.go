package store

import (
	"errors"
	"net/url"
	"strings"

	helmrelease "helm.sh/helm/v3/pkg/release"
	"helm.sh/helm/v3/pkg/storage/driver"
)

// connectSeconds is how long a database may take to answer: an address that swallows
// packets would otherwise be tried for minutes.
const connectSeconds = "10"

func openSQL(o Options) (*database, error) {
	if o.Database == "" {
		return nil, &DatabaseError{Problem: "nothing says which"}
	}
	where := o.Database
	if strings.Contains(where, "://") {
		u, err := url.Parse(where)
		if err != nil {
			return nil, &DatabaseError{Problem: "what says which is no URL"} // the error repeats it
		}
		if query := u.Query(); !query.Has("connect_timeout") {
			query.Set("connect_timeout", connectSeconds)
			u.RawQuery = query.Encode()
			where = u.String()
		}
	} else if !strings.Contains(where, "connect_timeout") {
		where += " connect_timeout=" + connectSeconds
	}
	records, err := driver.NewSQL(where, func(string, ...any) {}, o.Namespace)
	if err != nil {
		return nil, &DatabaseError{Problem: err.Error(), Err: err}
	}
	return &database{records}, nil
}

// DatabaseError is a database for records that cannot be used.
type DatabaseError struct {
	// Problem says why.
	Problem string
	// Err is what the database said; nil when it was not asked.
	Err error
}

// Error says why.
func (e *DatabaseError) Error() string { return "open the database of records: " + e.Problem }

// Unwrap returns what the database said.
func (e *DatabaseError) Unwrap() error { return e.Err }

// database is helm's records in PostgreSQL.
type database struct{ *driver.SQL }

// Create writes a record that is not there. helm's driver looks whether it is there
// within the transaction that has just failed, and learns nothing.
func (d *database) Create(key string, r *helmrelease.Release) error {
	const uniqueViolation = "23505"
	err := d.SQL.Create(key, withoutLongAuthor(r))
	if state, ok := errors.AsType[interface {
		error
		SQLState() string
	}](err); ok && state.SQLState() == uniqueViolation {
		return driver.ErrReleaseExists
	}
	return err
}

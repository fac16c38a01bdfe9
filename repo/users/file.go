package users

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/crypto/bcrypt"

	"gantry/charts/diag"
	"gantry/charts/pattern"
	"gantry/repo/server"
)

const (
	// MaxSize is the size of a file, in bytes.
	MaxSize = 1 << 20
	// maxUsers is how many a file may have, and maxScopes how many each.
	maxUsers  = 10_000
	maxScopes = 100
	// maxName is the longest name, in bytes: that of tokens.
	maxName = 100
	// maxPassword is as much of a password as bcrypt looks at.
	maxPassword = 72
	// newCost is what a new password costs to compare: a quarter of a second.
	newCost = 12
	// maxCost is the largest cost that is taken: a second. Each one more doubles it,
	// and whoever guesses has the server pay it.
	maxCost = 14
	// weakCost is below what is told of: whoever steals the file guesses quickly.
	weakCost = 10
	// maxProblems is how many are told of a file.
	maxProblems = 100
)

// User is somebody who has a password.
type User struct {
	Name string
	// Scopes are what the user may do.
	Scopes []server.Scope
	// Cost is what a comparison of the password takes, as a power of two.
	Cost int

	hash string
	line int // from 0
}

// File is a file of users. What is not said of a user stays as it was written.
type File struct {
	lines []string
	users []User
}

// Users returns the users in the order of the file.
func (f *File) Users() []User { return slices.Clone(f.users) }

// Find returns the user of a name.
func (f *File) Find(name string) (User, bool) {
	i := f.place(name)
	if i < 0 {
		return User{}, false
	}
	return f.users[i], true
}

func (f *File) place(name string) int {
	return slices.IndexFunc(f.users, func(u User) bool { return u.Name == name })
}

// Bytes is the text of the file.
func (f *File) Bytes() []byte { return []byte(strings.Join(f.lines, "\n")) }

// Set puts a user in the place of the one of that name, or behind the last line.
func (f *File) Set(u User) {
	i := f.place(u.Name)
	if i < 0 {
		if n := len(f.lines); n == 0 || f.lines[n-1] != "" {
			f.lines = append(f.lines, "")
		}
		u.line = len(f.lines) - 1
		f.lines = append(f.lines, "")
		i = len(f.users)
		f.users = append(f.users, u)
	}
	u.line = f.users[i].line
	f.users[i], f.lines[u.line] = u, u.text()
}

// Remove takes the line of a user away, and reports whether there was one.
func (f *File) Remove(name string) bool {
	i := f.place(name)
	if i < 0 {
		return false
	}
	line := f.users[i].line
	f.lines, f.users = slices.Delete(f.lines, line, line+1), slices.Delete(f.users, i, i+1)
	for i := range f.users {
		if f.users[i].line > line {
			f.users[i].line--
		}
	}
	return true
}

// text is the line of a user.
func (u User) text() string { return u.Name + ":" + u.hash + ":" + u.scopeText() }

func (u User) scopeText() string { return strings.Join(server.ShortScopes(u.Scopes), ",") }

// DefaultScopes are what a user may do of whom nothing else is said.
func DefaultScopes() []server.Scope { return []server.Scope{{Verb: server.VerbRead, Pattern: "*"}} }

// New returns a user with a password.
func New(name, password string, scopes []server.Scope) (User, error) {
	u := User{Name: name, Scopes: scopes, Cost: newCost}
	if err := CheckName(name); err != nil {
		return u, err
	}
	switch {
	case password == "":
		return u, errors.New("the password is empty")
	case len(password) > maxPassword:
		return u, fmt.Errorf("the password is longer than %d bytes, of which bcrypt would not look at the rest", maxPassword)
	case strings.ContainsFunc(password, unicode.IsControl) || !utf8.ValidString(password):
		return u, errors.New("the password has characters that cannot be typed, and that HTTP does not carry")
	case len(scopes) == 0 || len(scopes) > maxScopes:
		return u, fmt.Errorf("a user must have between 1 and %d scopes", maxScopes)
	}
	hash, err := bcrypt.GenerateFromPassword([]byte(password), newCost)
	u.hash = string(hash)
	return u, err
}

// CheckName says why a user cannot be called so.
func CheckName(name string) error {
	switch {
	case name == "" || len(name) > maxName:
		return fmt.Errorf("the name of a user must have between 1 and %d bytes", maxName)
	case !utf8.ValidString(name) || strings.ContainsFunc(name, func(r rune) bool { return !unicode.IsPrint(r) }):
		return fmt.Errorf("the name %s has characters that cannot be seen", strconv.QuoteToASCII(name))
	case strings.Contains(name, ":") || strings.HasPrefix(name, "#") || strings.TrimSpace(name) != name:
		return fmt.Errorf("the name %q has a colon, begins with #, or has a space before or behind it", name)
	}
	return nil
}

// Parse reads a file: NAME:HASH lines, with :SCOPE,SCOPE behind those who may do
// anything else than read, empty lines and comments behind #. The error is one of all
// problems, [*diag.Errors].
func Parse(name string, data []byte) (*File, error) {
	f := &File{lines: strings.Split(string(data), "\n")}
	p := parser{file: name, lines: map[string]int{}}
	if len(data) > MaxSize {
		p.problem(0, "users-limit", fmt.Sprintf("the file is larger than %d bytes", MaxSize), "")
		f.lines = nil
	}
	for i, line := range f.lines {
		if text := strings.TrimSpace(line); text == "" || strings.HasPrefix(text, "#") {
			continue
		}
		if len(f.users) == maxUsers {
			p.problem(i+1, "users-limit", fmt.Sprintf("there are more than %d users", maxUsers), "let the others in by tokens, or by an issuer of tokens")
		}
		if len(p.found) >= maxProblems || len(f.users) == maxUsers {
			break
		}
		if u, ok := p.user(strings.TrimSuffix(line, "\r"), i); ok {
			f.users = append(f.users, u)
		}
	}
	return f, p.found.Err()
}

// parser gathers what is wrong with a file.
type parser struct {
	file string
	// lines are where names were seen first, from 1.
	lines map[string]int
	found diag.List
}

func (p *parser) problem(line int, code, summary, hint string) {
	p.found.Add(diag.Diagnostic{Severity: diag.Error, Pos: diag.Pos{File: p.file, Line: line}, Code: code, Summary: summary, Hint: hint})
}

// hashed is what bcrypt writes: its kind, the cost, the salt and the sum.
var hashed = pattern.Lazy(`^\$2[aby]\$([0-9]{2})\$[./A-Za-z0-9]{53}$`)

// user reads a line, which stands at a place from 0. What may be a password is not
// repeated in what is wrong with it.
func (p *parser) user(line string, at int) (u User, ok bool) {
	name, rest, colon := strings.Cut(line, ":")
	if !colon {
		p.problem(at+1, "users-line", "the line has no colon: it is to be NAME:HASH, or NAME:HASH:SCOPE,SCOPE", "take the line out, and add a user with: gantry repo user set NAME --users FILE")
		return u, false
	}
	if err := CheckName(name); err != nil {
		p.problem(at+1, "users-name", err.Error(), "")
		return u, false
	}
	if first, twice := p.lines[name]; twice {
		p.problem(at+1, "users-twice", fmt.Sprintf("%s has line %d already", name, first), "delete one of the two lines")
		return u, false
	}
	p.lines[name] = at + 1
	hash, scopes, scoped := strings.Cut(rest, ":")
	u = User{Name: name, Scopes: DefaultScopes(), hash: hash, line: at}
	parts := hashed().FindStringSubmatch(hash)
	if parts == nil {
		p.problem(at+1, "users-hash", "the password of "+name+" is not kept as bcrypt, which begins with $2y$, $2b$ or $2a$", remake)
		return u, false
	}
	u.Cost, _ = strconv.Atoi(parts[1]) // two digits
	if u.Cost < bcrypt.MinCost || u.Cost > maxCost {
		p.problem(at+1, "users-cost", fmt.Sprintf("the bcrypt of %s has the cost %d, and is taken from %d to %d", name, u.Cost, bcrypt.MinCost, maxCost), remake)
		return u, false
	}
	if !scoped {
		return u, true
	}
	var err error
	if u.Scopes, err = parseScopes(scopes); err != nil {
		p.problem(at+1, "users-scope", name+": "+err.Error(), "")
	}
	return u, err == nil
}

const remake = "take the line out and use: gantry repo user set NAME --users FILE, or write it anew with: htpasswd -B -C 12 FILE NAME"

func parseScopes(text string) ([]server.Scope, error) {
	words := strings.SplitN(text, ",", maxScopes+1)
	if len(words) > maxScopes {
		return nil, fmt.Errorf("there are more than %d scopes", maxScopes)
	}
	scopes := make([]server.Scope, 0, len(words))
	for _, word := range words {
		s, err := server.ParseScope(strings.TrimSpace(word))
		if err != nil {
			return nil, err
		}
		scopes = append(scopes, s)
	}
	return scopes, nil
}

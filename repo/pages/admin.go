package pages

import (
	"net/http"
	"net/url"
	"time"
)

// Tokens is what the page of tokens shows.
type Tokens struct {
	// All are the tokens, newest first.
	All []Token
	// Made is the token that was made just now. Its secret is not shown again.
	Made *MadeToken
	Form TokenForm
	// Trouble says why no token was made of the form.
	Trouble string
}

// Token is a token without its secret.
type Token struct {
	ID, Name         string
	Scopes           []string
	Created, Expires time.Time
	// Ended says why it is good for nothing any more.
	Ended string
}

// MadeToken is a token with its secret.
type MadeToken struct{ Name, Secret string }

// TokenForm is what somebody has filled in.
type TokenForm struct {
	Name, Charts string
	Verbs        []string
	// Days is how long the token is to last; empty is until it is revoked.
	Days string
}

// choice is one of several in a form.
type choice struct {
	Value, Name, Hint string
	Chosen            bool
}

type tokensPage struct {
	site
	Tokens

	Verbs, Ends []choice
	Good, Ended []Token
}

// Shown are the secret that was made, and what to type with it.
func (p *tokensPage) Shown() []command {
	return []command{
		{"Token", p.Made.Secret},
		{"Use it, and paste the token when it is asked for", "gantry repo add " + p.Alias + " " + p.URL + " --username token"},
	}
}

// Tokens shows the tokens of a server to its administrators.
func (p *Pages) Tokens(w http.ResponseWriter, r *http.Request, v Visit, t Tokens) error {
	page := tokensPage{site: v.site("Tokens"), Tokens: t}
	for _, c := range []choice{
		{Value: "read", Name: "read", Hint: "pull, list and look"},
		{Value: "push", Name: "push", Hint: "publish charts"},
		{Value: "delete", Name: "delete", Hint: "delete versions"},
		{Value: "admin", Name: "admin", Hint: "everything, these pages included"},
	} {
		for _, verb := range t.Form.Verbs {
			c.Chosen = c.Chosen || verb == c.Value
		}
		page.Verbs = append(page.Verbs, c)
	}
	for _, c := range []choice{
		{Value: "7", Name: "in a week"},
		{Value: "30", Name: "in 30 days"},
		{Value: "90", Name: "in 90 days"},
		{Value: "365", Name: "in a year"},
		{Value: "", Name: "when it is revoked"},
	} {
		c.Chosen = c.Value == t.Form.Days
		page.Ends = append(page.Ends, c)
	}
	for _, one := range t.All {
		if one.Ended == "" {
			page.Good = append(page.Good, one)
		} else {
			page.Ended = append(page.Ended, one)
		}
	}
	status := http.StatusOK
	switch {
	case t.Made != nil:
		status = http.StatusCreated
	case t.Trouble != "":
		status = http.StatusBadRequest
	}
	return p.show(w, r, status, "tokens", &page)
}

// Audit is what the page of the audit log shows.
type Audit struct {
	// Entries are the newest that were asked for, newest first.
	Entries []AuditEntry
	// User, Chart and Action are what was asked for.
	User, Chart, Action string
	// Actions are those to choose from.
	Actions []string
	// Before leaves out what is newer, and More tells that there is older.
	Before time.Time
	More   bool
}

// AuditEntry is what somebody did, or tried.
type AuditEntry struct {
	Time                           time.Time
	Action, Chart, Version, Digest string
	// Token and Account are a token or a user, where it is not about a chart.
	Token, Account        string
	User, Remote, Request string
	// Error says why it was not done.
	Error string
}

type auditPage struct {
	site
	Audit
}

// Narrowed reports whether a part of what there is was asked for.
func (p *auditPage) Narrowed() bool {
	return p.User != "" || p.Chart != "" || p.Action != "" || !p.Before.IsZero()
}

// Older is the address of the entries that follow.
func (p *auditPage) Older() string {
	if !p.More || len(p.Entries) == 0 {
		return ""
	}
	q := url.Values{"before": {p.Entries[len(p.Entries)-1].Time.UTC().Format(time.RFC3339Nano)}}
	for name, value := range map[string]string{"user": p.User, "chart": p.Chart, "action": p.Action} {
		if value != "" {
			q.Set(name, value)
		}
	}
	return "?" + q.Encode()
}

// Audit shows to administrators what was done to the charts of a server.
func (p *Pages) Audit(w http.ResponseWriter, r *http.Request, v Visit, a Audit) error {
	return p.show(w, r, http.StatusOK, "audit", &auditPage{v.site("Audit"), a})
}

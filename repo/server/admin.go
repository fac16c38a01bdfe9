package server

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"gantry/repo/pages"
)

// administering guards a page for administrators: the user with the password, and
// who has the scope admin, by a token or in the file of users.
func (s *Server) administering(h endpoint) endpoint {
	return s.writing(s.limited(func(w http.ResponseWriter, r *http.Request) error {
		if p := who(r.Context()); !p.everything() {
			return &problem{
				Status: http.StatusForbidden, Code: "forbidden",
				Message: "this page is for administrators, and " + p.name + " is none",
				Hint:    s.options.Auth.granting(string(VerbAdmin)),
			}
		}
		w.Header().Set("Cache-Control", "no-store")
		return h(w, r)
	}))
}

// sameOrigin refuses what a page of another site lets a browser do in the name of who
// sits in front of it. Programs that are no browsers pass.
func (s *Server) sameOrigin(h endpoint) endpoint {
	return func(w http.ResponseWriter, r *http.Request) error {
		if err := s.origins.Check(r); err != nil {
			return &problem{
				Status: http.StatusForbidden, Code: "other-origin", Message: "the request comes from a page of another site",
				Hint: "behind a proxy that changes the host, start the server with --external-url", cause: err,
			}
		}
		return h(w, r)
	}
}

// newOrigins trusts the address under which people know the server.
func newOrigins(o Options) (*http.CrossOriginProtection, error) {
	origins := http.NewCrossOriginProtection()
	if o.ExternalURL == nil {
		return origins, nil
	}
	return origins, origins.AddTrustedOrigin(o.ExternalURL.Scheme + "://" + o.ExternalURL.Host)
}

// maxForm is the largest form.
const maxForm = 64 << 10

// tokensPage lists the tokens.
func (s *Server) tokensPage(w http.ResponseWriter, r *http.Request) error {
	return s.showTokens(w, r, pages.Tokens{Form: newTokenForm()})
}

// newTokenForm suggests a token that does little, and not for ever.
func newTokenForm() pages.TokenForm {
	return pages.TokenForm{Verbs: []string{string(VerbRead)}, Days: "90"}
}

func (s *Server) showTokens(w http.ResponseWriter, r *http.Request, view pages.Tokens) error {
	if s.options.Auth == nil || !s.options.Auth.Tokens {
		return &problem{
			Status: http.StatusNotFound, Code: "no-tokens", Message: "this server lets nobody in by a token",
			Hint: "start it with --tokens",
		}
	}
	all, err := Tokens(r.Context(), s.catalog.store)
	if err != nil {
		return readProblem(err)
	}
	now := s.options.Now()
	for _, t := range slices.Backward(all) {
		view.All = append(view.All, pages.Token{ID: t.ID, Name: t.Name, Scopes: ShortScopes(t.Scopes), Created: t.Created, Expires: t.Expires, Ended: t.Ended(now)})
	}
	return s.pages.Tokens(w, r, s.visit(r), view)
}

// createToken makes a token and shows it, this once.
func (s *Server) createToken(w http.ResponseWriter, r *http.Request) error {
	r.Body = http.MaxBytesReader(w, r.Body, maxForm)
	if err := r.ParseForm(); err != nil {
		return badRequest("form-invalid", "the form cannot be read", "send it again from the page of tokens")
	}
	form := pages.TokenForm{
		Name: strings.TrimSpace(r.PostForm.Get("name")), Charts: strings.TrimSpace(r.PostForm.Get("charts")),
		Verbs: r.PostForm["verb"], Days: r.PostForm.Get("days"),
	}
	now := s.options.Now()
	request, err := tokenRequest(form, now)
	if err != nil {
		return s.showTokens(w, r, pages.Tokens{Form: form, Trouble: err.Error()})
	}
	if s.options.Auth == nil || !s.options.Auth.Tokens {
		return s.showTokens(w, r, pages.Tokens{})
	}
	made, secret, err := makeToken(r.Context(), s.catalog.store, request, now)
	s.audit(r, deed{action: auditTokenCreate, token: request.Name + " " + made.ID}, err)
	if err != nil {
		return storageProblem(err)
	}
	return s.showTokens(w, r, pages.Tokens{Form: newTokenForm(), Made: &pages.MadeToken{Name: made.Name, Secret: string(secret)}})
}

// tokenRequest reads what somebody has filled in.
func tokenRequest(form pages.TokenForm, now time.Time) (Token, error) {
	t := Token{Name: form.Name}
	patterns := strings.Fields(strings.ReplaceAll(form.Charts, ",", " "))
	if len(patterns) == 0 {
		patterns = []string{"*"}
	}
	for _, verb := range form.Verbs {
		for _, pattern := range patterns {
			if Verb(verb) == VerbAdmin {
				pattern = "*"
			}
			scope, err := ParseScope(verb + ":" + pattern)
			if err != nil {
				return t, err
			}
			if !slices.Contains(t.Scopes, scope) {
				t.Scopes = append(t.Scopes, scope)
			}
		}
	}
	if form.Days != "" {
		days, err := strconv.Atoi(form.Days)
		if err != nil || days < 1 || days > maxTokenDays {
			return t, fmt.Errorf("%q is not a number of days", form.Days)
		}
		t.Expires = now.AddDate(0, 0, days).UTC()
	}
	return t, t.Validate()
}

// maxTokenDays is how long a token with an end may last.
const maxTokenDays = 36500

// revokeToken ends a token, and shows the others.
func (s *Server) revokeToken(w http.ResponseWriter, r *http.Request) error {
	t, err := endToken(r.Context(), s.catalog.store, r.PathValue("id"), s.options.Now())
	if errors.Is(err, ErrNoToken) {
		return &problem{Status: http.StatusNotFound, Code: "no-token", Message: err.Error(), Hint: "the page of tokens lists what there is"}
	}
	s.audit(r, deed{action: auditTokenRevoke, token: t.label()}, err)
	if err != nil {
		return storageProblem(err)
	}
	s.tokens.forget(t.ID)
	http.Redirect(w, r, "/gantry/tokens", http.StatusSeeOther)
	return nil
}

// auditPerPage is how many entries the page of the journal has.
const auditPerPage = 100

// auditPage shows what was done last.
func (s *Server) auditPage(w http.ResponseWriter, r *http.Request) error {
	asked := r.URL.Query()
	view := pages.Audit{
		User: asked.Get("user"), Chart: asked.Get("chart"), Action: asked.Get("action"), Actions: auditActions(),
	}
	q := journalQuery{user: view.User, chart: view.Chart, action: view.Action, limit: auditPerPage}
	if text := asked.Get("before"); text != "" {
		before, err := time.Parse(time.RFC3339Nano, text)
		if err != nil {
			return badRequest("time-invalid", strconv.Quote(text)+" is not a time such as 2026-05-01T10:00:00Z", "")
		}
		q.before, view.Before = before, before
	}
	entries, more, err := s.journal.find(r.Context(), q)
	if err != nil {
		return readProblem(err)
	}
	view.More = more
	for _, e := range entries {
		view.Entries = append(view.Entries, pages.AuditEntry(e))
	}
	return s.pages.Audit(w, r, s.visit(r), view)
}

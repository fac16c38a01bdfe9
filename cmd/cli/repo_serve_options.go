package cli

import (
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"gantry/charts/provenance"
	"gantry/repo/mirror"
	"gantry/repo/server"
	"gantry/repo/users"
)

// maxArchiveMiB is a terabyte, beyond which sizes would not be counted right.
const maxArchiveMiB = 1 << 20

func (o *repoServeOptions) serverOptions(a *app, log *slog.Logger) (server.Options, error) {
	options := server.Options{Now: a.Now, Log: log, Limits: server.DefaultLimits(), Overwrite: o.allowOverwrite, NoDelete: o.disableDelete, Inspector: inspector{}, Version: version}
	if o.maxArchiveMiB < 1 || o.maxArchiveMiB > maxArchiveMiB {
		return options, usageError(fmt.Errorf("--max-archive must be between 1 and %d", maxArchiveMiB))
	}
	options.Limits.Archive = o.maxArchiveMiB << 20
	options.Rates, options.Depth = o.rates, o.depth
	if o.depth < 0 || o.depth > server.MaxDepth {
		return options, usageError(fmt.Errorf("--depth must be between 0 and %d", server.MaxDepth))
	}
	if err := o.rates.Validate(); err != nil {
		return options, usageError(fmt.Errorf("--rate-limit, --write-limit and --failure-limit: %w", err))
	}
	for _, step := range []func(*app, *server.Options) error{o.addProxies, o.addExternalURL, o.addOrigins, o.addUpstream, o.addWebhooks, o.addSignatures, o.addAuth} {
		if err := step(a, &options); err != nil {
			return options, err
		}
	}
	return options, nil
}

// addProxies reads networks, and addresses as networks of one.
func (o *repoServeOptions) addProxies(_ *app, options *server.Options) error {
	for _, text := range o.trustedProxies {
		network, err := netip.ParsePrefix(text)
		if addr, addrErr := netip.ParseAddr(text); addrErr == nil {
			network, err = netip.PrefixFrom(addr, addr.BitLen()), nil
		}
		if err != nil {
			return usageError(fmt.Errorf("--trusted-proxies %q is not a network such as 10.0.0.0/8", text))
		}
		options.TrustedProxies = append(options.TrustedProxies, network)
	}
	return nil
}

func (o *repoServeOptions) addExternalURL(_ *app, options *server.Options) error {
	if o.externalURL == "" {
		return nil
	}
	u, err := url.Parse(strings.TrimSuffix(o.externalURL, "/"))
	if err != nil {
		return usageError(errors.New("--external-url is not an address such as https://charts.example.org"))
	}
	if u.Host == "" || u.Scheme != "http" && u.Scheme != "https" || u.Path+u.RawQuery+u.Fragment != "" || u.User != nil {
		return usageError(fmt.Errorf("--external-url %q is not an address such as https://charts.example.org", u.Redacted()))
	}
	options.ExternalURL = u
	return nil
}

func (o *repoServeOptions) addOrigins(_ *app, options *server.Options) error {
	for _, origin := range o.origins {
		if err := server.CheckOrigin(origin); err != nil {
			return usageError(fmt.Errorf("--cors-allow-origin %w", err))
		}
	}
	options.Origins = o.origins
	return nil
}

func (o *repoServeOptions) addUpstream(a *app, options *server.Options) error {
	if o.upstream == "" {
		if len(o.upstreamCharts) > 0 {
			return usageError(errors.New("--upstream-chart means something only with --upstream"))
		}
		return nil
	}
	if err := (mirror.Selection{Charts: o.upstreamCharts}).Check(); err != nil {
		return usageError(err)
	}
	if o.upstreamRefresh <= 0 {
		return usageError(errors.New("--upstream-refresh must be positive"))
	}
	from, c, err := a.upstream(o.upstream, o.upstreamPlain)
	if err != nil {
		return err
	}
	options.Upstream = mirror.Through{Client: c, From: from, Charts: o.upstreamCharts}
	return nil
}

func (o *repoServeOptions) addWebhooks(_ *app, options *server.Options) error {
	if (len(o.webhooks) == 0) != (o.webhookSecret == "") {
		return usageError(errors.New("--webhook and --webhook-secret-file go together"))
	}
	if len(o.webhooks) == 0 {
		return nil
	}
	secret, err := readSecret(o.webhookSecret)
	if err != nil {
		return err
	}
	for _, hook := range o.webhooks {
		w := server.Webhook{URL: hook, Secret: secret}
		if err := w.Validate(); err != nil {
			return usageError(err)
		}
		options.Webhooks = append(options.Webhooks, w)
	}
	return nil
}

func (o *repoServeOptions) addSignatures(a *app, options *server.Options) error {
	if !o.requireSigned {
		if o.keyring.keyring != "" {
			return usageError(errors.New("--keyring means something only with --require-signature"))
		}
		return nil
	}
	keyring, err := a.readKeyring(&o.keyring)
	if err != nil {
		return err
	}
	options.Signatures = signatures{keyring, a.Now}
	return nil
}

// signatures trusts the keys of a keyring.
type signatures struct {
	keyring *provenance.Keyring
	now     func() time.Time
}

func (s signatures) Verify(file string, archive, signature []byte) error {
	_, err := s.keyring.Verify(file, archive, signature, s.now())
	return err
}

func (o *repoServeOptions) addAuth(a *app, options *server.Options) error {
	if (o.user == "") != (o.passFile == "") {
		return usageError(errors.New("--basic-auth-user and --basic-auth-pass-file go together"))
	}
	issuer, err := o.oidc.read()
	if err != nil {
		return usageError(err)
	}
	if o.user == "" && o.users == "" && !o.tokens && issuer == nil {
		if o.anonymousRead {
			return usageError(errors.New("--anonymous-read means something only with --basic-auth-user, --users, --tokens or --oidc-issuer"))
		}
		return nil
	}
	options.Auth = &server.Auth{User: o.user, Tokens: o.tokens, OIDC: issuer, AnonymousRead: o.anonymousRead}
	if o.users != "" {
		known, err := users.Open(o.users, a.Now, options.Log)
		if err != nil {
			return usersError(err)
		}
		if known.Has(o.user) {
			return usageError(fmt.Errorf("%s is the user of --basic-auth-user, and in the file of --users as well: take one away", o.user))
		}
		options.Auth.Users = known
	}
	if o.user == "" {
		return nil
	}
	options.Auth.Password, err = readSecret(o.passFile)
	return err
}

// readSecret reads what a file holds, less the end of its line.
func readSecret(file string) (server.Secret, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return "", fmt.Errorf("read the secret: %w", err)
	}
	secret := strings.TrimRight(string(text), "\r\n")
	if secret == "" {
		return "", usageError(fmt.Errorf("%s is empty", file))
	}
	return server.Secret(secret), nil
}

// oidcOptions say whose tokens are taken besides the repository's own.
type oidcOptions struct {
	issuer, audience string
	grants           []string
}

func (o *oidcOptions) bind(f *pflag.FlagSet) {
	f.StringVar(&o.issuer, "oidc-issuer", "", "OpenID Connect issuer whose tokens are taken, such as that of a CI system")
	f.StringVar(&o.audience, "oidc-audience", "", "audience that its tokens must be made for")
	f.StringArrayVar(&o.grants, "oidc-grant", nil, "what a claim of a token allows: 'repository=acme/* push:acme-* read'; may be repeated")
}

// read returns nil where no issuer is named.
func (o *oidcOptions) read() (*server.OIDC, error) {
	if o.issuer == "" {
		if o.audience != "" || len(o.grants) > 0 {
			return nil, errors.New("--oidc-audience and --oidc-grant mean something only with --oidc-issuer")
		}
		return nil, nil
	}
	if o.audience == "" || len(o.grants) == 0 {
		return nil, errors.New("--oidc-issuer needs --oidc-audience and --oidc-grant")
	}
	found := &server.OIDC{Issuer: o.issuer, Audience: o.audience}
	for _, text := range o.grants {
		g, err := server.ParseGrant(text)
		if err != nil {
			return nil, err
		}
		found.Grants = append(found.Grants, g)
	}
	return found, nil
}

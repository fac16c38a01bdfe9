package server

import (
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
)

// remote returns the address of the client: that of the connection, or the one
// that a trusted proxy names. Of the addresses of X-Forwarded-For the last that
// is no proxy of ours is believed; those before it are what the client says.
func (s *Server) remote(r *http.Request) string {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		host = r.RemoteAddr
	}
	if !s.trusted(host) {
		return host
	}
	hops := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
	for _, hop := range slices.Backward(hops) {
		addr, err := netip.ParseAddr(strings.TrimSpace(hop))
		if err != nil {
			break
		}
		if host = addr.Unmap().String(); !s.trusted(host) {
			break
		}
	}
	return host
}

// address returns where the client has reached the server: the URL that its operator
// names, or the host of the request. Whether it was HTTPS the connection tells, or
// a trusted proxy.
func (s *Server) address(r *http.Request) *url.URL {
	if external := s.options.ExternalURL; external != nil {
		return external
	}
	u := &url.URL{Scheme: "http", Host: r.Host}
	peer, _, err := net.SplitHostPort(r.RemoteAddr)
	proxied := err == nil && s.trusted(peer) && r.Header.Get("X-Forwarded-Proto") == "https"
	if r.TLS != nil || proxied {
		u.Scheme = "https"
	}
	return u
}

func (s *Server) trusted(host string) bool {
	if len(s.options.TrustedProxies) == 0 {
		return false
	}
	addr, err := netip.ParseAddr(host)
	if err != nil {
		return false
	}
	return slices.ContainsFunc(s.options.TrustedProxies, func(p netip.Prefix) bool { return p.Contains(addr.Unmap()) })
}

// neighbourhood is what an address is counted with. A subscriber of IPv6 has a
// whole network to choose addresses from.
func neighbourhood(host string) string {
	const subscriber = 64
	addr, err := netip.ParseAddr(host)
	if err != nil || addr.Unmap().Is4() {
		return host
	}
	network, _ := addr.WithZone("").Prefix(subscriber) // the length is valid
	return network.String()
}

package server

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"gantry/repo/pause"
)

// Webhook is who is told of changes, by POST of an [Event]. Requests are signed as
// Standard Webhooks has it, so that receivers find a library for it: HMAC-SHA256
// over webhook-id, webhook-timestamp and the body, in webhook-signature.
type Webhook struct {
	URL    string
	Secret Secret
}

// Validate says why a webhook cannot be told of anything.
func (h Webhook) Validate() error {
	u, err := url.Parse(h.URL)
	switch {
	case err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https":
		return fmt.Errorf("the webhook %q is not an http or https URL", redactURL(h.URL))
	case h.Secret == "":
		return fmt.Errorf("the webhook %s needs a secret to sign with", u.Redacted())
	}
	if _, err := h.key(); err != nil {
		return fmt.Errorf("the secret of the webhook %s begins with %s and does not go on in Base64", u.Redacted(), codedSecret)
	}
	return nil
}

// codedSecret begins a secret that is given in Base64, as receivers hand it out.
const codedSecret = "whsec_"

// key returns what requests are signed with.
func (h Webhook) key() ([]byte, error) {
	coded, ok := strings.CutPrefix(string(h.Secret), codedSecret)
	if !ok {
		return []byte(h.Secret), nil
	}
	return base64.StdEncoding.DecodeString(coded)
}

// redactURL hides a password in what may not be a URL.
func redactURL(text string) string {
	u, err := url.Parse(text)
	if err != nil {
		return "(not a URL)"
	}
	return u.Redacted()
}

// Event is what a webhook receives.
type Event struct {
	// Type is chart.published, chart.signed, chart.deleted or artifact.tagged.
	Type      string    `json:"type"`
	Timestamp time.Time `json:"timestamp"`
	Data      EventData `json:"data"`
}

// EventData says what has changed.
type EventData struct {
	Name    string `json:"name"`
	Version string `json:"version"`
	Digest  string `json:"digest,omitempty"`
	// User is who did it, where somebody had to say so.
	User string `json:"user,omitempty"`
	// Request is the id of the request, which the logs have as well.
	Request string `json:"request"`
}

func eventType(action string) string {
	switch action {
	case auditPublish:
		return "chart.published"
	case auditSign:
		return "chart.signed"
	case auditDelete:
		return "chart.deleted"
	default:
		return "artifact.tagged"
	}
}

const (
	// maxQueue is how many events wait for one webhook. What comes on top is
	// dropped, and said so in the log.
	maxQueue = 1000
	// maxAttempts is how often an event is sent, the waits between growing from
	// firstWait to twice as long each time.
	maxAttempts = 8
	firstWait   = time.Second
	// deliveryTimeout ends a receiver that does not answer.
	deliveryTimeout = 10 * time.Second
	// drainTimeout is how long events that wait are sent when the server ends.
	drainTimeout = 10 * time.Second
	// maxAnswer is how much of an answer is read, to keep the connection.
	maxAnswer = 64 << 10
)

// delivery is an event on its way; however often it is sent, it has one id.
type delivery struct {
	id   string
	body []byte
}

// receiver is a webhook with the events that wait for it.
type receiver struct {
	hook  Webhook
	queue chan delivery
}

// hooks tell webhooks of changes.
type hooks struct {
	receivers []receiver
	client    *http.Client
	log       *slog.Logger
	metrics   *metrics
	now       func() time.Time
	// wait ends after a while, or with the context.
	wait func(ctx context.Context, d time.Duration) error
}

func newHooks(o Options, m *metrics) *hooks {
	h := &hooks{log: o.Log, metrics: m, now: o.Now, wait: pause.For}
	h.client = &http.Client{
		Timeout: deliveryTimeout,
		// What is signed for one address is not for another.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	for _, hook := range o.Webhooks {
		h.receivers = append(h.receivers, receiver{hook, make(chan delivery, maxQueue)})
	}
	return h
}

// tell queues an event for every webhook. It never waits.
func (h *hooks) tell(ctx context.Context, e Event) {
	if len(h.receivers) == 0 {
		return
	}
	body, _ := json.Marshal(e) // strings and a date can be encoded
	d := delivery{id: "msg_" + rand.Text(), body: body}
	for _, to := range h.receivers {
		select {
		case to.queue <- d:
		default:
			h.metrics.deliveries.WithLabelValues("dropped").Inc()
			h.log.ErrorContext(ctx, "an event was dropped, for too many wait", slog.String("webhook", redactURL(to.hook.URL)), slog.String("event", d.id))
		}
	}
}

// Deliver sends events to the webhooks until the context ends, and then, for a
// moment, those that still wait.
func (s *Server) Deliver(ctx context.Context) {
	var group errgroup.Group
	for _, to := range s.hooks.receivers {
		group.Go(func() error { s.hooks.serve(ctx, to); return nil })
	}
	_ = group.Wait() // failures are logged
}

// serve sends the events of one webhook, in order. One that is on its way when the
// context ends arrives; those that wait then have a moment.
func (h *hooks) serve(ctx context.Context, to receiver) {
	for ctx.Err() == nil {
		select {
		case d := <-to.queue:
			h.deliver(ctx, context.WithoutCancel(ctx), to.hook, d)
		case <-ctx.Done():
		}
	}
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), drainTimeout)
	defer cancel()
	for {
		select {
		case d := <-to.queue:
			h.deliver(last, last, to.hook, d)
		default:
			return
		}
	}
}

// deliver sends an event until it is taken, or often enough, or until the context
// ends; sending bounds each attempt.
func (h *hooks) deliver(ctx, sending context.Context, to Webhook, d delivery) {
	var err error
	wait := firstWait
	for attempt := range maxAttempts {
		if attempt > 0 {
			h.metrics.deliveries.WithLabelValues("repeated").Inc()
			_ = h.wait(ctx, wait) // whether it goes on is asked for below
			wait *= 2
		}
		if err = h.send(sending, to, d); err == nil {
			h.metrics.deliveries.WithLabelValues("delivered").Inc()
			return
		}
		if ctx.Err() != nil {
			break
		}
	}
	h.metrics.deliveries.WithLabelValues("failed").Inc()
	h.log.ErrorContext(ctx, "an event could not be delivered",
		slog.String("webhook", redactURL(to.URL)), slog.String("event", d.id), slog.Any("error", err))
}

func (h *hooks) send(ctx context.Context, to Webhook, d delivery) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, to.URL, bytes.NewReader(d.body))
	if err != nil {
		return err
	}
	stamp := strconv.FormatInt(h.now().Unix(), 10)
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("User-Agent", "gantry")
	r.Header.Set("webhook-id", d.id)
	r.Header.Set("webhook-timestamp", stamp)
	r.Header.Set("webhook-signature", "v1,"+to.sign(d, stamp))
	answer, err := h.client.Do(r)
	if err != nil {
		// The error would name the URL, with what it may hold of secrets.
		if e, ok := errors.AsType[*url.Error](err); ok {
			err = e.Err
		}
		return err
	}
	defer answer.Body.Close()
	_, _ = io.CopyN(io.Discard, answer.Body, maxAnswer)
	if answer.StatusCode < 200 || answer.StatusCode > 299 {
		return errors.New("the receiver answered " + answer.Status)
	}
	return nil
}

// sign returns the signature of an event at a time.
func (h Webhook) sign(d delivery, stamp string) string {
	key, _ := h.key() // it was valid at the start
	mac := hmac.New(sha256.New, key)
	fmt.Fprintf(mac, "%s.%s.%s", d.id, stamp, d.body) // a hash takes everything
	return base64.StdEncoding.EncodeToString(mac.Sum(nil))
}

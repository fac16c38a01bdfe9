package server

import (
	"cmp"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// metrics are what Prometheus is told. Their labels are bounded by the code:
// routes rather than paths, and no names of charts or of people.
type metrics struct {
	registry *prometheus.Registry

	requests   *prometheus.CounterVec
	took       *prometheus.HistogramVec
	served     sync.Map // by servedKey
	inFlight   prometheus.Gauge
	limited    *prometheus.CounterVec
	changes    *prometheus.CounterVec
	uploaded   prometheus.Counter
	downloads  *prometheus.CounterVec
	store      *prometheus.CounterVec
	storeTook  *prometheus.HistogramVec
	deliveries *prometheus.CounterVec
}

func newMetrics(version string) *metrics {
	m := &metrics{
		registry: prometheus.NewRegistry(),
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "gantry_http_requests_total", Help: "Requests that were answered.",
		}, []string{"route", "method", "status"}),
		took: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "gantry_http_request_duration_seconds", Help: "How long requests took, until the last byte was written.",
			Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 60},
		}, []string{"route", "method"}),
		inFlight: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "gantry_http_requests_in_flight", Help: "Requests that are being answered.",
		}),
		limited: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "gantry_http_requests_limited_total", Help: "Requests that were refused because there were too many.",
		}, []string{"limit"}),
		changes: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "gantry_changes_total", Help: "Changes of the repository: publish, sign, tag, delete, token-create and token-revoke, user-add, user-remove and user-change, by what became of them.",
		}, []string{"action", "outcome"}),
		uploaded: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "gantry_upload_bytes_total", Help: "Bytes of archives and blobs that were received.",
		}),
		downloads: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "gantry_downloads_total", Help: "Archives of charts that were sent, by protocol: http or oci.",
		}, []string{"protocol"}),
		store: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "gantry_store_operations_total", Help: "Operations on the store, by what became of them.",
		}, []string{"operation", "outcome"}),
		storeTook: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "gantry_store_operation_duration_seconds", Help: "How long operations on the store took.",
			Buckets: []float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 5, 30},
		}, []string{"operation"}),
		deliveries: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "gantry_webhook_deliveries_total", Help: "Events for webhooks, by what became of them.",
		}, []string{"outcome"}),
	}
	build := prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "gantry_build_info", Help: "The version that runs.",
		ConstLabels: prometheus.Labels{"version": cmp.Or(version, "unknown")},
	})
	build.Set(1)
	m.registry.MustRegister(m.requests, m.took, m.inFlight, m.limited, m.changes, m.uploaded, m.downloads, m.store, m.storeTook, m.deliveries, build,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

// observe adds what is read off the server when somebody asks.
func (m *metrics) observe(s *Server) {
	gauge := func(name, help string, value func() float64) {
		m.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, value))
	}
	sum := func(of func(*snapshot) float64) func() float64 {
		return func() float64 {
			total := of(s.catalog.current())
			for _, t := range s.started() {
				total += of(t.catalog.current())
			}
			return total
		}
	}
	gauge("gantry_index_charts", "Charts in the index, of all repositories.", sum(func(at *snapshot) float64 {
		charts, _ := at.count()
		return float64(charts)
	}))
	gauge("gantry_index_versions", "Versions in the index.", sum(func(at *snapshot) float64 {
		_, versions := at.count()
		return float64(versions)
	}))
	gauge("gantry_index_bytes", "Size of the index as JSON.", sum(func(at *snapshot) float64 {
		return float64(at.json().size)
	}))
}

// answered counts a request. The endpoint that took it has said which route it is.
func (m *metrics) answered(route, method string, status int, took time.Duration) {
	key := servedKey{route, methodLabel(method), cmp.Or(status, http.StatusOK)}
	kept, ok := m.served.Load(key)
	if !ok {
		kept, _ = m.served.LoadOrStore(key, served{
			m.requests.WithLabelValues(key.route, key.method, strconv.Itoa(key.status)), m.took.WithLabelValues(key.route, key.method),
		})
	}
	counted := kept.(served) //nolint:forcetypeassert // nothing else is stored
	counted.requests.Inc()
	counted.took.Observe(took.Seconds())
}

// servedKey is what counts of requests are told apart by, and served are those of one:
// to find them by their labels would take longer than to count.
type servedKey struct {
	route, method string
	status        int
}

type served struct {
	requests prometheus.Counter
	took     prometheus.Observer
}

// methodLabel bounds what clients can make up.
func methodLabel(method string) string {
	switch method {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions:
		return method
	default:
		return "other"
	}
}

// Metrics answers Prometheus. It is for an address of its own, which asks nobody
// who it is; /metrics of the server asks as reading does.
func (s *Server) Metrics() http.Handler {
	return promhttp.HandlerFor(s.metrics.registry, promhttp.HandlerOpts{MaxRequestsInFlight: maxScrapes})
}

// maxScrapes is how many may ask for metrics at once.
const maxScrapes = 8

func (s *Server) showMetrics(w http.ResponseWriter, r *http.Request) error {
	s.Metrics().ServeHTTP(w, r)
	return nil
}

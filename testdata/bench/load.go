package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// load is a client of a web server that asks again and again on connections that
// stay open. It takes as little of the processors as it can, for the server runs
// on the same ones: nothing of an answer is kept, and only its length is read.
type load struct {
	addr        string
	connections int
	// lasts is how long to ask, and rate how often a second at the most; 0 is as
	// often as the server answers.
	lasts time.Duration
	rate  float64
	// now is the clock.
	now func() time.Time
	// next returns the request to send.
	next func() []byte
	// want is the status of every answer.
	want int
}

// outcome is what came of a load.
type outcome struct {
	requests int
	bytes    int64
	elapsed  time.Duration
	waits    []time.Duration
}

func (o outcome) perSecond() float64 { return float64(o.requests) / o.elapsed.Seconds() }

// wait returns how long the given part of the requests took at most.
func (o outcome) wait(part float64) time.Duration {
	if len(o.waits) == 0 {
		return 0
	}
	return o.waits[min(int(part*float64(len(o.waits))), len(o.waits)-1)]
}

// get returns the request for a path.
func get(path string, headers ...string) func() []byte {
	lines := append([]string{"GET " + path + " HTTP/1.1", "Host: bench"}, headers...)
	request := []byte(strings.Join(lines, "\r\n") + "\r\n\r\n")
	return func() []byte { return request }
}

// post returns a request that uploads a chart.
func post(chart []byte) []byte {
	head := fmt.Sprintf("POST /api/charts HTTP/1.1\r\nHost: bench\r\nContent-Length: %d\r\n\r\n", len(chart))
	return append([]byte(head), chart...)
}

// run asks until the time is up.
func (l load) run(ctx context.Context) (outcome, error) {
	start := l.now()
	var (
		mu    sync.Mutex
		all   outcome
		fault error
		group sync.WaitGroup
	)
	for range l.connections {
		group.Go(func() {
			one, err := l.connection(ctx, start)
			mu.Lock()
			defer mu.Unlock()
			all.requests += one.requests
			all.bytes += one.bytes
			all.waits = append(all.waits, one.waits...)
			fault = errors.Join(fault, err)
		})
	}
	group.Wait()
	all.elapsed = l.now().Sub(start)
	slices.Sort(all.waits)
	return all, fault
}

func (l load) connection(ctx context.Context, start time.Time) (o outcome, err error) {
	c, err := (&net.Dialer{}).DialContext(ctx, "tcp", l.addr)
	if err != nil {
		return o, err
	}
	defer c.Close()
	answers := bufio.NewReaderSize(c, 64<<10)
	for l.now().Sub(start) < l.lasts && ctx.Err() == nil {
		if l.rate > 0 {
			// Whoever is late does not hurry afterwards: the rate is a limit.
			due := start.Add(time.Duration(float64(o.requests) * float64(l.connections) / l.rate * float64(time.Second)))
			select {
			case <-time.After(due.Sub(l.now())):
			case <-ctx.Done():
				return o, ctx.Err()
			}
		}
		asked := l.now()
		if _, err := c.Write(l.next()); err != nil {
			return o, err
		}
		n, err := l.answer(answers)
		if err != nil {
			return o, err
		}
		o.requests++
		o.bytes += n
		o.waits = append(o.waits, l.now().Sub(asked))
	}
	return o, nil
}

// answer reads an answer and returns the length of its body.
func (l load) answer(r *bufio.Reader) (int64, error) {
	line, err := r.ReadSlice('\n')
	if err != nil {
		return 0, err
	}
	if status, want := string(line[len("HTTP/1.1 "):][:3]), strconv.Itoa(l.want); status != want {
		return 0, fmt.Errorf("the answer is %s and not %s", status, want)
	}
	var length int64
	for {
		line, err := r.ReadSlice('\n')
		if err != nil {
			return 0, err
		}
		if line = bytes.TrimSpace(line); len(line) == 0 {
			break
		}
		name, value, _ := strings.Cut(string(line), ":")
		if strings.EqualFold(name, "Content-Length") {
			if length, err = strconv.ParseInt(strings.TrimSpace(value), 10, 64); err != nil {
				return 0, err
			}
		}
	}
	if l.want == http.StatusNotModified {
		return 0, nil
	}
	return io.CopyN(io.Discard, r, length)
}

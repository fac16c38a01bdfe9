package main

import (
	"bytes"
	"fmt"
)

// shape is how the services of an application depend on each other.
type shape struct {
	name string
	// needs are the services that the service i depends on.
	needs func(i int) []int
}

// layer is how many services a layer has.
const layer = 8

// shapes are those that loaders have found hard: a chain is as deep as it is
// long, and layers have more paths through them than anybody can walk.
func shapes() []shape {
	return []shape{
		{"flat", func(int) []int { return nil }},
		{"chained", func(i int) []int {
			if i == 0 {
				return nil
			}
			return []int{i - 1}
		}},
		{"layered", func(i int) []int {
			var needs []int
			for j := (i/layer - 1) * layer; j >= 0 && j < i/layer*layer; j++ {
				needs = append(needs, j)
			}
			return needs
		}},
	}
}

// composeFile writes a project of so many services as people write them: some
// with a health check, some with a volume.
func composeFile(services int, s shape) []byte {
	var b bytes.Buffer
	b.WriteString("name: bench\nservices:\n")
	for i := range services {
		fmt.Fprintf(&b, `  service-%[1]d:
    image: registry.example/team/service-%[1]d:1.%[1]d.0
    command: ["serve", "--listen", ":8080"]
    ports: ["%[2]d:8080"]
    restart: unless-stopped
    environment:
      SERVICE_NAME: service-%[1]d
      LOG_LEVEL: info
      DATABASE_URL: postgres://db.example/service_%[1]d
    labels:
      team: "%[3]d"
    deploy:
      resources:
        limits: {cpus: "0.5", memory: 256M}
`, i, 10000+i, i%10)
		if i%3 == 0 {
			b.WriteString("    healthcheck:\n      test: [CMD, /bin/health]\n      interval: 10s\n")
		}
		if i%5 == 0 {
			fmt.Fprintf(&b, "    volumes: [\"data-%d:/var/lib/service\"]\n", i)
		}
		if needs := s.needs(i); len(needs) > 0 {
			b.WriteString("    depends_on:\n")
			for _, j := range needs {
				fmt.Fprintf(&b, "      - service-%d\n", j)
			}
		}
	}
	b.WriteString("volumes:\n")
	for i := range services {
		if i%5 == 0 {
			fmt.Fprintf(&b, "  data-%d: {}\n", i)
		}
	}
	return b.Bytes()
}

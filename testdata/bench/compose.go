package main

import (
	"bytes"
	"fmt"
)

// composeFile writes a project of so many services as people write them: some
// with a health check, some with a volume, each tenth waiting for the one
// before it.
func composeFile(services int) []byte {
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
		if i%10 == 9 {
			fmt.Fprintf(&b, "    depends_on: [service-%d]\n", i-1)
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

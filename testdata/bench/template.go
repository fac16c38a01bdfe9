package main

import (
	"context"
	"fmt"
)

// template compares rendering a chart with what helm takes for it, from the start
// of the process to its end.
func (b *bench) template(ctx context.Context) error {
	w := b.table("templates", "helm template", "gantry template", "ratio", "helm peak memory", "gantry peak memory")
	for _, size := range []int{5, 50, 500} {
		dir, err := b.writeChart(size)
		if err != nil {
			return err
		}
		got, err := b.race(ctx, b.runs,
			contender{name: "helm template", argv: []string{b.helm, "template", "demo", dir}},
			contender{name: "gantry template", argv: []string{b.gantry, "template", "demo", dir}},
		)
		if err != nil {
			return err
		}
		fmt.Fprintf(w, "%d\t%s\t%s\t%.2f\t%s\t%s\n", size, ms(got[0].time), ms(got[1].time), ratio(got[1], got[0]), mib(got[0].rss), mib(got[1].rss))
	}
	return b.end(w)
}

// writeChart writes a chart with so many templates, which use helpers, values,
// loops and conditions as charts do.
func (b *bench) writeChart(templates int) (string, error) {
	files := map[string]string{
		"Chart.yaml":             "apiVersion: v2\nname: bench\nversion: 1.0.0\nappVersion: \"1.2.3\"\n",
		"values.yaml":            chartValues,
		"templates/_helpers.tpl": chartHelpers,
	}
	for i := range templates {
		text := chartDeployment
		if i%3 != 0 {
			text = chartService
		}
		files[fmt.Sprintf("templates/part-%d.yaml", i)] = fmt.Sprintf(text, i)
	}
	return b.writeFiles(fmt.Sprintf("chart-%d", templates), files)
}

const chartValues = `replicas: 2
image: {registry: registry.example, repository: team/part, tag: ""}
service: {type: ClusterIP, port: 80}
podAnnotations: {}
podLabels: {team: shop}
resources:
  requests: {cpu: 100m, memory: 128Mi}
  limits: {memory: 256Mi}
securityContext:
  allowPrivilegeEscalation: false
  capabilities: {drop: [ALL]}
  readOnlyRootFilesystem: true
env:
  LOG_LEVEL: info
  DATABASE_URL: postgres://db.example/shop
probe:
  httpGet: {path: /health, port: http}
  periodSeconds: 10
nodeSelector: {}
tolerations: []
`

const chartHelpers = `{{- define "bench.fullname" -}}
{{- printf "%s-%s" .Release.Name .Chart.Name | trunc 50 | trimSuffix "-" }}
{{- end }}
{{- define "bench.selector" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}
{{- define "bench.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{ include "bench.selector" . }}
{{- if .Chart.AppVersion }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
{{- end }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end }}
`

const chartDeployment = `apiVersion: apps/v1
kind: Deployment
metadata:
  name: {{ include "bench.fullname" . }}-%[1]d
  labels:
    {{- include "bench.labels" . | nindent 4 }}
spec:
  replicas: {{ .Values.replicas }}
  selector:
    matchLabels:
      {{- include "bench.selector" . | nindent 6 }}
      part: "%[1]d"
  template:
    metadata:
      {{- with .Values.podAnnotations }}
      annotations:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      labels:
        {{- include "bench.labels" . | nindent 8 }}
        part: "%[1]d"
        {{- with .Values.podLabels }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
    spec:
      containers:
        - name: part
          image: "{{ .Values.image.registry }}/{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}"
          securityContext:
            {{- toYaml .Values.securityContext | nindent 12 }}
          env:
            {{- range $name, $value := .Values.env }}
            - name: {{ $name }}
              value: {{ $value | quote }}
            {{- end }}
          ports:
            - name: http
              containerPort: {{ .Values.service.port }}
          livenessProbe:
            {{- toYaml .Values.probe | nindent 12 }}
          resources:
            {{- toYaml .Values.resources | nindent 12 }}
      {{- with .Values.nodeSelector }}
      nodeSelector:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      {{- with .Values.tolerations }}
      tolerations:
        {{- toYaml . | nindent 8 }}
      {{- end }}
`

const chartService = `apiVersion: v1
kind: Service
metadata:
  name: {{ include "bench.fullname" . }}-%[1]d
  labels:
    {{- include "bench.labels" . | nindent 4 }}
spec:
  type: {{ .Values.service.type }}
  ports:
    - port: {{ .Values.service.port }}
      targetPort: http
      name: http
  selector:
    {{- include "bench.selector" . | nindent 4 }}
    part: "%[1]d"
`

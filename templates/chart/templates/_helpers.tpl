{{/*
The name of the application.
*/}}
{{- define "[[.Chart]].name" -}}
{{- .Values.nameOverride | default .Chart.Name | trunc 63 | trimSuffix "-" }}
{{- end }}

{{/*
The name and version of the chart, as a label can hold them.
*/}}
{{- define "[[.Chart]].chart" -}}
{{- printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" }}
{{- end }}

{{/*
Labels of every object. Each template adds app.kubernetes.io/name.
*/}}
{{- define "[[.Chart]].labels" -}}
{{ include "[[.Chart]].podLabels" . }}
helm.sh/chart: {{ include "[[.Chart]].chart" . | quote }}
{{- with .Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{/*
Labels of pods. None of them changes with the version of the chart, which would
replace the pods.
*/}}
{{- define "[[.Chart]].podLabels" -}}
{{ include "[[.Chart]].selectorLabels" . }}
app.kubernetes.io/managed-by: {{ .Release.Service | quote }}
app.kubernetes.io/part-of: {{ include "[[.Chart]].name" . | quote }}
{{- end }}

{{/*
Labels by which pods are found, beside app.kubernetes.io/name.
*/}}
{{- define "[[.Chart]].selectorLabels" -}}
app.kubernetes.io/instance: {{ .Release.Name | quote }}
{{- end }}

{{/*
An image as its parts make it. Takes a dict with root and image.
*/}}
{{- define "[[.Chart]].image" -}}
{{- with .root.Values.global.imageRegistry | default .image.registry }}{{ . }}/{{ end }}
{{- .image.repository }}
{{- with .image.tag }}:{{ . }}{{ end }}
{{- with .image.digest }}@{{ . }}{{ end }}
{{- end }}

{{/*
A value as a string in double quotes. Numbers are written in full: a large one
would otherwise become 1e+06. Helm deletes the text <no value> from what it
renders; an escape hides it.
*/}}
{{- define "[[.Chart]].string" -}}
{{- $text := ternary . (toJson .) (kindIs "string" .) }}
{{- $text | quote | replace "<no value>" "\\x3cno value>" }}
{{- end }}

{{/*
A mapping as keys and strings.
*/}}
{{- define "[[.Chart]].strings" -}}
{{- range $key, $value := . }}
{{ quote $key }}: {{ include "[[.Chart]].string" $value }}
{{- end }}
{{- end }}

{{/*
A mapping as a list of environment variables.
*/}}
{{- define "[[.Chart]].env" -}}
{{- range $name, $value := . }}
- name: {{ quote $name }}
  value: {{ include "[[.Chart]].string" $value }}
{{- end }}
{{- end }}
[[- if .Configs ]]

{{/*
A checksum of what ConfigMaps hold, which makes pods roll when it changes. Takes a
list of the root and the paths of their templates.
*/}}
{{- define "[[.Chart]].checksum" -}}
{{- $root := first . }}
{{- $content := list }}
{{- range rest . }}
{{- $object := include (print $root.Template.BasePath .) $root | fromYaml }}
{{- $content = append $content (pick $object "data" "binaryData") }}
{{- end }}
{{- $content | toJson | sha256sum }}
{{- end }}
[[- end ]]
[[- if .Jobs ]]

{{/*
The end of a Job's name, which changes when anything in the list changes: the pods
of a Job cannot be changed, so there must be a new one.
*/}}
{{- define "[[.Chart]].hash" -}}
{{- toJson . | sha256sum | trunc 6 }}
{{- end }}
[[- end ]]
[[- if .Secrets ]]

{{/*
A checksum of the values of Secrets, which makes pods roll when one changes. It is
short: enough to see a change, and too little to find a weak password by trying.
*/}}
{{- define "[[.Chart]].secretChecksum" -}}
{{- toJson . | sha256sum | trunc 5 | quote }}
{{- end }}

{{/*
The content of a key of a Secret, in base64: the value that was given, or else what
is in the cluster, or else something made up, once for all that share it. Takes a
dict with root, name, key and value.

Without a cluster to look into, as with helm template, what is made up is new each
time: tools that render first and apply later need values or existing Secrets.
*/}}
{{- define "[[.Chart]].secret" -}}
{{- $id := printf "%s/%s" .name .key }}
{{- $known := get .root.Values.secrets "known" | default dict }}
{{- if .value }}
{{- .value | b64enc | quote }}
{{- else if hasKey $known $id }}
{{- get $known $id | quote }}
{{- else }}
{{- $live := lookup "v1" "Secret" .root.Release.Namespace .name }}
{{- $content := get ($live.data | default dict) .key | default (randAlphaNum 32 | b64enc) }}
{{- $_ := set .root.Values.secrets "known" (set $known $id $content) }}
{{- $content | quote }}
{{- end }}
{{- end }}
[[- end ]]

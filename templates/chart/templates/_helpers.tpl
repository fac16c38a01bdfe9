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
What stands in front of the names of all objects.
*/}}
{{- define "[[.Chart]].prefix" -}}
{{- if .Values.fullnameOverride }}
{{- .Values.fullnameOverride }}-
{{- else if .Values.prefixNames }}
{{- .Release.Name }}-
{{- end }}
{{- end }}

{{/*
The name of an object. Takes a list of the root and the name in the Compose file. A
prefix may make it longer than Kubernetes admits; a hash tells short forms apart.
*/}}
{{- define "[[.Chart]].fullname" -}}
{{- $prefix := include "[[.Chart]].prefix" (index . 0) }}
{{- $name := print $prefix (index . 1) }}
{{- if and $prefix (gt (len $name) 63) }}
{{- $name = printf "%s-%s" (trunc 56 $name | trimSuffix "-") (sha256sum $name | trunc 6) }}
{{- end }}
{{- $name }}
{{- end }}
[[- if .Hosts ]]

{{/*
Text in which the names of Services are those of this release. Takes a list of the
root and the text.
*/}}
{{- define "[[.Chart]].address" -}}
{{- $text := index . 1 }}
{{- with include "[[.Chart]].prefix" (index . 0) }}
{{- /* Twice, because neighbours in a list share their comma. */}}
{{- $to := printf [[ .Replacement ]] . }}
{{- range list 1 2 }}
{{- $text = regexReplaceAll [[ .Hosts ]] $text $to }}
{{- end }}
{{- end }}
{{- $text }}
{{- end }}
[[- end ]]

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
Labels by which pods are found, beside app.kubernetes.io/name. A chart that depends on
this one may do so several times, each under an alias that tells their pods apart.
*/}}
{{- define "[[.Chart]].selectorLabels" -}}
{{- $instance := .Release.Name }}
{{- if ne .Chart.Name "[[.Chart]]" }}
{{- $instance = printf "%s-%s" .Release.Name .Chart.Name | trunc 63 | trimSuffix "-" }}
{{- end -}}
app.kubernetes.io/instance: {{ $instance | quote }}
{{- end }}

{{/*
An image as its parts make it. Takes a dict with root and image.
*/}}
{{- define "[[.Chart]].image" -}}
{{- $text := .image.repository }}
{{- with .root.Values.global.imageRegistry | default .image.registry }}{{ $text = printf "%v/%v" . $text }}{{ end }}
{{- with .image.tag }}{{ $text = printf "%v:%v" $text . }}{{ end }}
{{- with .image.digest }}{{ $text = printf "%v@%v" $text . }}{{ end }}
[[- if .Variables ]]
{{- $text = include "[[.Chart]].expand" (list .root $text) }}
[[- end ]]
{{- $text }}
{{- end }}
[[- if .Variables ]]

{{/*
A text with the values of the variables that it refers to as ${NAME}. Takes a list of
the root and the text.
*/}}
{{- define "[[.Chart]].expand" -}}
{{- $text := index . 1 }}
{{- if not (kindIs "string" $text) }}
{{- $text = toJson $text }}
{{- end }}
{{- range $name, $value := (index . 0).Values.variables }}
{{- $value = ternary $value (toJson $value) (kindIs "string" $value) }}
{{- $text = replace (printf "${%s}" $name) $value $text }}
{{- end }}
{{- $text }}
{{- end }}
[[- end ]]

{{/*
A value as a string in double quotes. Takes a list of the root, the value, and
whether it leads to a Service. Numbers are written in full: a large one would
otherwise become 1e+06. Helm deletes the text <no value> from what it renders; an
escape hides it.
*/}}
{{- define "[[.Chart]].string" -}}
{{- $value := index . 1 }}
{{- $text := ternary $value (toJson $value) (kindIs "string" $value) }}
[[- if .Variables ]]
{{- $text = include "[[.Chart]].expand" (list (index . 0) $text) }}
[[- end ]]
[[- if .Hosts ]]
{{- if index . 2 }}
{{- $text = include "[[.Chart]].address" (list (index . 0) $text) }}
{{- end }}
[[- end ]]
{{- $text | quote | replace "<no value>" "\\x3cno value>" }}
{{- end }}

{{/*
A mapping as keys and strings. Takes a list of the root, the mapping, and the keys
whose values lead to Services.
*/}}
{{- define "[[.Chart]].strings" -}}
{{- $root := index . 0 }}
{{- $addresses := slice . 2 }}
{{- range $key, $value := index . 1 }}
{{ quote $key }}: {{ include "[[.Chart]].string" (list $root $value (has $key $addresses)) }}
{{- end }}
{{- end }}

{{/*
A mapping as a list of environment variables. Takes what strings takes.
*/}}
{{- define "[[.Chart]].env" -}}
{{- $root := index . 0 }}
{{- $addresses := slice . 2 }}
{{- range $name, $value := index . 1 }}
- name: {{ quote $name }}
  value: {{ include "[[.Chart]].string" (list $root $value (has $name $addresses)) }}
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
The content of a key of a Secret: the value that was given, or else what is in the
cluster, or else what is made up, once for all that share it. Takes a list of the
root, the name of the Secret and its key in the values, the key, and what is made up:
nothing where the value must be given.

Without a cluster to look into, as with helm template, what is made up is new each
time, and what must be given is left out: tools that render first and apply later need
values or existing Secrets.
*/}}
{{- define "[[.Chart]].secret" -}}
{{- $root := index . 0 }}
{{- $group := index . 2 }}
{{- $key := index . 3 }}
{{- $known := get $root.Values.secrets "known" | default dict }}
{{- $values := get $root.Values.secrets $group | default dict }}
{{- $name := $values.existingSecret | default (include "[[.Chart]].fullname" (list $root (index . 1))) }}
{{- $id := printf "%s/%s" $name $key }}
{{- $content := get ($values.data | default dict) $key | default (get ($values.binaryData | default dict) $key | default "" | b64dec) }}
{{- if and (not $content) (hasKey $known $id) }}
{{- $content = get $known $id }}
{{- else if not $content }}
{{- $live := lookup "v1" "Secret" $root.Release.Namespace $name }}
{{- $content = get ($live.data | default dict) $key | b64dec | default (index . 4) }}
{{- $_ := set $root.Values.secrets "known" (set $known $id $content) }}
[[- if .Demands ]]
{{- /* Only a cluster says of each kind that it has it; an upgrade that may not look into it sees no Secret. */}}
{{- if and (not $content) (or $root.Release.IsInstall $live) ($root.Capabilities.APIVersions.Has "v1/Secret") (not (hasKey $known "missing")) }}
{{- include "[[.Chart]].missingSecrets" $root }}
{{- end }}
[[- end ]]
{{- end }}
{{- $content }}
{{- end }}
[[- if .Demands ]]

{{/*
Fails with everything that must be given and is not, once the first of it is missed.
*/}}
{{- define "[[.Chart]].missingSecrets" -}}
{{- $_ := set (get .Values.secrets "known") "missing" true }}
{{- $missing := list }}
{{- $existing := list }}
[[- range .Demands ]]
{{- if and ([[.Condition]]) (not (include "[[$.Chart]].secret" (list . [[.Arguments]] ""))) }}
{{- $missing = append $missing [[.Path]] }}
{{- $existing = append $existing [[.Existing]] }}
{{- end }}
[[- end ]]
{{- if eq (len $missing) 1 }}
{{- fail (printf "%s must be given, since it cannot be made up: give it as a value, or name a Secret that has the key in %s" (first $missing) (first $existing)) }}
{{- else if $missing }}
{{- fail (printf "%d values must be given, since they cannot be made up:\n%s\ngive each in a file (-f FILE) or with --set PATH=VALUE, or name Secrets that have the keys in %s" (len $missing) (join "\n" $missing) (uniq $existing | join ", ")) }}
{{- end }}
{{- end }}
[[- end ]]
[[- end ]]

{{/* What all objects carry. */}}
{{- define "mcs-broker.labels" -}}
app.kubernetes.io/name: mcs-broker
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end }}

{{- define "mcs-broker.image" -}}
{{- with .Values.image -}}
{{- if .digest -}}
{{ .repository }}@{{ .digest }}
{{- else -}}
{{ .repository }}:{{ .tag | default $.Chart.AppVersion }}
{{- end }}
{{- end }}
{{- end }}

{{/* Before install and upgrade, in the order of the weights, and gone afterwards. A Job that failed stays, and Helm
prints its log. */}}
{{- define "mcs-broker.hook" -}}
helm.sh/hook: pre-install,pre-upgrade
helm.sh/hook-weight: {{ quote . }}
helm.sh/hook-delete-policy: before-hook-creation,hook-succeeded
helm.sh/hook-output-log-policy: hook-failed
{{- end }}

{{/* By which the hub's Deployment and Services find its pods: these never change. */}}
{{- define "mcs-broker.hub-selector" -}}
app.kubernetes.io/name: mcs-broker
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/component: hub
{{- end }}

{{- define "mcs-broker.hub-labels" -}}
{{ include "mcs-broker.labels" . }}
app.kubernetes.io/component: hub
{{- end }}

{{/* The options of the hub, as environment variables: clusterManager is MCS_CLUSTER_MANAGER. What is empty is left to the
program. */}}
{{- define "mcs-broker.env" -}}
{{- range $name, $value := . }}
{{- $text := "" }}
{{- if kindIs "string" $value }}
{{- $text = $value }}
{{- else if not (kindIs "invalid" $value) }}
{{- $text = toJson $value }}
{{- end }}
{{- if $text }}
- name: MCS_{{ snakecase $name | upper }}
  value: {{ $text | quote }}
{{- end }}
{{- end }}
{{- end }}

{{- define "mcs-broker.hub-port" -}}
{{- regexFind "[0-9]+$" .Values.hub.config.http -}}
{{- end }}

{{- define "mcs-broker.hub-lease-namespace" -}}
{{- .Values.hub.config.leaseNamespace | default .Release.Namespace -}}
{{- end }}

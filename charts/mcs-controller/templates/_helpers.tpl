{{/* What all objects carry, and by which Deployments and Services find their pods: these never change. */}}
{{- define "mcs.selector" -}}
app.kubernetes.io/name: mcs-controller
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .component }}
{{- end }}

{{- define "mcs.labels" -}}
{{ include "mcs.selector" . }}
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version | replace "+" "_" }}
{{- end }}

{{- define "mcs.image" -}}
{{- with .Values.image -}}
{{- if .digest -}}
{{ .repository }}@{{ .digest }}
{{- else -}}
{{ .repository }}:{{ .tag | default $.Chart.AppVersion }}
{{- end }}
{{- end }}
{{- end }}

{{/* What every pod has; root and the component's values. A Service's environment variables (MCS_DNS_PORT for a Service
mcs-dns) would look like options. */}}
{{- define "mcs.pod" -}}
enableServiceLinks: false
{{- with .root.Values.image.pullSecrets }}
imagePullSecrets:
  {{- range . }}
  - name: {{ . }}
  {{- end }}
{{- end }}
securityContext:
  {{- toYaml .root.Values.podSecurityContext | nindent 2 }}
{{- with .values.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- with .values.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .values.affinity }}
affinity:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .values.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{/* Replicas apart, as far as there are nodes and zones; each version of a Deployment by itself, or a rolling update would
fill the nodes unevenly. */}}
{{- define "mcs.spread" -}}
topologySpreadConstraints:
  {{- with .values.topologySpreadConstraints }}
  {{- toYaml . | nindent 2 }}
  {{- else }}
  {{- range list "kubernetes.io/hostname" "topology.kubernetes.io/zone" }}
  - maxSkew: 1
    topologyKey: {{ . }}
    whenUnsatisfiable: ScheduleAnyway
    matchLabelKeys: [pod-template-hash]
    labelSelector:
      matchLabels:
        {{- include "mcs.selector" $ | nindent 8 }}
  {{- end }}
  {{- end }}
{{- end }}

{{/* The options of a command, as environment variables: heartbeatIntervalSeconds is MCS_HEARTBEAT_INTERVAL_SECONDS. What
is empty is left to the program. */}}
{{- define "mcs.env" -}}
{{- range $name, $value := . }}
{{- $text := "" }}
{{- if kindIs "slice" $value }}
{{- $text = join "," $value }}
{{- else if kindIs "string" $value }}
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

{{/* The port of ADDRESS:PORT. */}}
{{- define "mcs.port" -}}
{{- regexFind "[0-9]+$" . -}}
{{- end }}

{{/* The port of the agent's status page if others than its pod can reach it, or nothing. */}}
{{- define "mcs.page-port" -}}
{{- with .Values.agent.config.statusPage -}}
{{- if not (regexMatch "^(127[.]|localhost:|\\[::1\\]:)" .) -}}
{{- include "mcs.port" . -}}
{{- end }}
{{- end }}
{{- end }}

{{/* `every` seconds, `failures` in a row count. */}}
{{- define "mcs.probes" -}}
livenessProbe:
  httpGet: {path: /healthz, port: http}
  periodSeconds: 10
  timeoutSeconds: 5
readinessProbe:
  httpGet: {path: /readyz, port: http}
  periodSeconds: {{ .every }}
  timeoutSeconds: 3
  failureThreshold: {{ .failures }}
{{- end }}

{{- define "mcs.lease-namespace" -}}
{{- .Values.agent.config.leaseNamespace | default .Release.Namespace -}}
{{- end }}

{{/* The Secret in which the agent renews its token for the broker, as --broker-renew-in has it; or nothing. */}}
{{- define "mcs.renew-in" -}}
{{- with .Values.agent.config -}}
{{- if .brokerRenewIn -}}
{{ .brokerRenewIn }}
{{- else if and $.Values.broker.renew (not .brokerKubeconfig) -}}
{{ $.Release.Namespace }}/{{ $.Values.broker.secretName }}
{{- end }}
{{- end }}
{{- end }}

{{/* Where the credential for the broker is mounted; as a whole folder: a file that is mounted by itself does not follow the
Secret. */}}
{{- define "mcs.broker-folder" -}}
/etc/mcs-controller/broker
{{- end }}

{{/* The options of the agent that say who the cluster is and where its API servers are. */}}
{{- define "mcs.connection" -}}
{{- with .Values.agent.config -}}
{{- $file := .brokerKubeconfig | default (printf "%s/%s" (include "mcs.broker-folder" $) $.Values.broker.secretKey) }}
{{- toYaml (merge (dict "brokerKubeconfig" $file) (pick . "clusterId" "kubeconfig" "context" "brokerContext")) }}
{{- end }}
{{- end }}

{{/* The files that these name, as the agent's pods have them; a list, or nothing. */}}
{{- define "mcs.connection-mounts" -}}
{{- if not .Values.agent.config.brokerKubeconfig }}
- {name: broker, mountPath: {{ include "mcs.broker-folder" . }}, readOnly: true}
{{- end }}
{{- with .Values.agent.extraVolumeMounts }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- define "mcs.connection-volumes" -}}
{{- if not .Values.agent.config.brokerKubeconfig }}
- name: broker
  secret:
    secretName: {{ .Values.broker.secretName }}
    defaultMode: 0440
{{- end }}
{{- with .Values.agent.extraVolumes }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{/* Whether the agent runs the controller `properties`, as --controllers has it: "true" or nothing. */}}
{{- define "mcs.properties" -}}
{{- $chosen := false }}
{{- $words := .Values.agent.config.controllers | default (list "*") }}
{{- if hasPrefix "-" (first $words) }}
{{- $words = prepend $words "*" }}
{{- end }}
{{- range $words }}
{{- if has . (list "*" "properties") }}
{{- $chosen = true }}
{{- else if eq . "-properties" }}
{{- $chosen = false }}
{{- end }}
{{- end }}
{{- if $chosen }}true{{ end }}
{{- end }}

{{/* Run at certain moments, in the order of the weights, and gone afterwards. A Job that failed stays, and Helm prints its log
(on one line, which is better than nothing; of a test it prints it whole, with --logs). */}}
{{- define "mcs.hook" -}}
helm.sh/hook: {{ .on }}
helm.sh/hook-weight: {{ quote .weight }}
helm.sh/hook-delete-policy: before-hook-creation,hook-succeeded
{{- if ne .on "test" }}
helm.sh/hook-output-log-policy: hook-failed
{{- end }}
{{- end }}

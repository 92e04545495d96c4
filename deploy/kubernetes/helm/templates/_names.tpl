{{- define "plimsoll.name" -}}
{{- if contains "plimsoll" .Release.Name }}{{ .Release.Name }}{{ else }}{{ .Release.Name }}-plimsoll{{ end }}
{{- end }}

{{- define "plimsoll.selector" -}}
app.kubernetes.io/name: plimsoll
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/component: gateway
{{- end }}

{{- define "plimsoll.labels" -}}
{{ include "plimsoll.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ .Chart.Name }}-{{ .Chart.Version }}
{{- end }}

{{- /* How the kubelet asks the clients' listener, as `http.tls` of its configuration says: it has no certificate to show. */ -}}
{{- define "plimsoll.probe" -}}
{{- if dig "http" "tls" "clientCaFile" "" .config -}}
exec: { command: [node, dist/node/plimsoll.js, health] }
{{- else if dig "http" "tls" "certFile" "" .config -}}
httpGet: { path: {{ .path }}, port: http, scheme: HTTPS }
{{- else -}}
httpGet: { path: {{ .path }}, port: http }
{{- end -}}
{{- end }}

{{- define "plimsoll.metadata" -}}
name: {{ include "plimsoll.name" . }}
namespace: {{ .Release.Namespace }}
labels:
  {{- include "plimsoll.labels" . | nindent 2 }}
{{- end }}

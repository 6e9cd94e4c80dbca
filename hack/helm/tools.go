//go:build tools

// Package tools pins Helm, which hack/kube/build.py builds, so that `go mod tidy` keeps it.
package tools

import _ "helm.sh/helm/v4/cmd/helm"

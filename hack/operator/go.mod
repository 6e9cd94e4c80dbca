// The Prometheus operator, for the definitions of its kinds: files of this module, of which nothing is compiled.
// So nothing imports it, and `go mod tidy` would drop it.
module mcs-controller.invalid/operator

go 1.26.0

require github.com/prometheus-operator/prometheus-operator v0.94.1

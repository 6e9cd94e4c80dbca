//go:build tools

// Package etcd pins the etcd that hack/kube/build compiles.
package etcd

import (
	_ "go.etcd.io/etcd/server/v3"
)

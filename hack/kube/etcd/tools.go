//go:build tools

// Package etcd pins the etcd that hack/kube/build.py compiles, and the programs of its administrators.
package etcd

import (
	_ "go.etcd.io/etcd/etcdctl/v3"
	_ "go.etcd.io/etcd/etcdutl/v3"
	_ "go.etcd.io/etcd/server/v3"
)

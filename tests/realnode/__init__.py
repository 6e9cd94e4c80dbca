"""Whole clusters on one machine: nodes that run pods, and traffic through the clusterset IP.

How they stand, from the outside in; nothing of it has an address, a mount or a process outside:

- The *fabric* (fabric.py) is a network namespace with a bridge. etcd, the API servers with their controller
  managers and schedulers, our agents and our DNS servers live in it, at its one address.
- A *node* (node.py) is a network, mount and PID namespace, plugged into the bridge: containerd, kubelet,
  kube-proxy, and the cluster's CoreDNS at the node's address. Pod networks are flat: routes laid by hand.
- `bare.py` starts these in order, `clusters.py` our product with them; `plugin.py` makes the fixtures,
  `client.py` asks pods to connect.

Everything dies with the first process of its namespaces (sandbox.py), and that one dies with pytest. Only
control groups would stay: a guardian of their own removes them (cgroups.py), even after a `kill -9`.
"""

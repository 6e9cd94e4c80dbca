"""A file of an old registry, as `clusters import` reads it."""

REGISTRY = """
apiVersion: v1
kind: List
items:
- apiVersion: clusterregistry.k8s.io/v1alpha1
  kind: Cluster
  metadata: {name: east, namespace: clusters, labels: {env: prod}}
  spec:
    kubernetesApiEndpoints: {serverEndpoints: [{clientCIDR: 0.0.0.0/0, serverAddress: east.example}]}
    authInfo: {controller: {kind: Secret, name: east-token}}
  status: {conditions: [{type: OK, status: "True", lastHeartbeatTime: 2019-02-01T00:00:00Z}]}
---
apiVersion: core.kubefed.io/v1beta1
kind: KubeFedCluster
metadata: {name: west, namespace: kube-federation-system}
spec: {apiEndpoint: "https://west:6443", secretRef: {name: west-token}}
"""

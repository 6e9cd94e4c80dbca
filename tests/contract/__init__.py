"""The same assertions against simcluster and a real kube-apiserver: what the one says, the other says."""

"""Others' readers of what we write: CoreDNS's kubernetes plugin with its `multicluster` option."""

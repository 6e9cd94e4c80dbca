"""Multicluster Services (KEP-1645) for Kubernetes."""

__version__ = "0.1.0"

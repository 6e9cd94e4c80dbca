"""The errors of membership; the tree is in `runtime/errors.py`."""

from mcs_controller.controllers.runtime.errors import FatalError


class ClusterIdTaken(FatalError):
    """Another cluster (another kube-system UID) uses our cluster id on the broker."""

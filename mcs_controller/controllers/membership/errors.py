"""The errors of membership; the tree is in `runtime/errors.py`."""

from mcs_controller.controllers.runtime.errors import FatalError


class ClusterIdTaken(FatalError):
    """The broker knows another cluster by our cluster id (another kube-system UID)."""

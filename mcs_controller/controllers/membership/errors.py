"""The errors of membership; the tree is in `runtime/errors.py`."""

from mcs_controller.controllers.runtime.errors import ControllerError, FatalError


class ClusterIdTaken(FatalError):
    """Another cluster (another kube-system UID) uses our cluster id on the broker."""


class NotRenewed(ControllerError):
    """The token for the broker could not be renewed. The text says why, and what to do.

    `retry_after_seconds` is the wish of the API server that refused, None if it named none.
    """

    def __init__(self, message: str, *, retry_after_seconds: float | None = None) -> None:
        self.retry_after_seconds = retry_after_seconds
        super().__init__(message)

"""What keeps the configuration of a cluster's DNS from being edited; each says what to do.

ClusterDnsError
├── Unreadable
├── ServedAlready
└── NotThere
"""


class ClusterDnsError(Exception):
    """The root of this room's errors. Nothing was changed."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self._place = ""

    def add_place(self, place: str) -> None:
        """Say where it was found, such as the ConfigMap and its key."""
        self._place = f"{place}: "

    def __str__(self) -> str:
        return f"{self._place}{super().__str__()}"


class Unreadable(ClusterDnsError):
    """It cannot be read; lines count from 1."""

    def __init__(self, line: int, reason: str) -> None:
        super().__init__(f"line {line}: {reason}; nothing was changed")


class ServedAlready(ClusterDnsError):
    """Somebody else made the cluster's DNS answer or forward the zone."""


class NotThere(ClusterDnsError):
    """What the edit needs is not in the cluster."""

"""The errors of this room.

ControllerError
├── FatalError              the process must end: going on could harm another cluster
│   └── ClusterIdTaken      another cluster uses our cluster id
└── NotReady                something that this step needs has not been read yet; try again later
"""


class ControllerError(Exception):
    """Anything that a controller finds wrong by itself."""


class FatalError(ControllerError):
    """Ends the process with this text as its last line."""


class ClusterIdTaken(FatalError):
    """The broker knows another cluster by our cluster id (another kube-system UID)."""


class NotReady(ControllerError):
    """A step cannot be taken yet; the text says what is missing."""

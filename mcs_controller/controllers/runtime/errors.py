"""The errors of this room.

ControllerError
├── NotRenewed              the token for the broker could not be renewed (membership/errors.py)
└── FatalError              the process must end: going on could harm another cluster
    └── ClusterIdTaken      another cluster uses our cluster id (membership/errors.py)
"""


class ControllerError(Exception):
    """A problem that a controller detects itself."""


class FatalError(ControllerError):
    """Ends the process with this text as its last line."""

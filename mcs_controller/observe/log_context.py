"""What the code that runs now is working on, for the log lines that it writes.

The work queue sets it around each reconcile; the log formatter in observe/ reads it. A ContextVar follows
`await` and is private to each task, so workers that run at the same time do not mix their contexts.
"""

from collections.abc import Mapping
from contextvars import ContextVar
from types import MappingProxyType
from typing import Final

_NOTHING: Final[Mapping[str, str]] = MappingProxyType({})

log_context: ContextVar[Mapping[str, str]] = ContextVar("log_context", default=_NOTHING)
"""Keys such as `cluster`, `namespace`, `name`."""

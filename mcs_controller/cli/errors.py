"""What ends a command with one line for the user, and never a traceback.

    CliError            exit code 1
    ├── UsageError      exit code 2: the command line or the environment is wrong
    └── CannotAsk       exit code 2: a comparison was asked for and could not be made

Errors of other rooms that a user can cause are listed in `expected`; anything else is a bug of ours.
"""

from typing import Final

from mcs_controller.access.errors import AccessError
from mcs_controller.clusterset.errors import InvalidClusterId, MalformedObject
from mcs_controller.controllers.runtime.errors import FatalError
from mcs_controller.dns.errors import DnsError
from mcs_controller.install.errors import InstallError
from mcs_controller.kube.errors import KubeError
from mcs_controller.observe.listening import ListenError
from mcs_controller.observe.masking import mask_secrets
from mcs_controller.observe.visible import visible


class CliError(Exception):
    """The text says what is wrong and what to do."""

    exit_code = 1


class UsageError(CliError):
    """An option, or the environment variable behind it, has no usable value."""

    exit_code = 2


class CannotAsk(CliError):
    """What was to be compared could not be read, so that the comparison has no result."""

    exit_code = 2


_EXPECTED: Final = (
    CliError,
    AccessError,
    FatalError,
    KubeError,
    ListenError,
    DnsError,
    InstallError,
    InvalidClusterId,
    MalformedObject,
)


def expected(error: BaseException) -> Exception | None:
    """The error meant for the user in `error`, which may be a group of several; None if there is none."""
    if isinstance(error, BaseExceptionGroup):
        found = (expected(part) for part in error.exceptions)
        return next((part for part in found if part is not None), None)
    return error if isinstance(error, _EXPECTED) else None


def one_line(error: Exception) -> str:
    """What is printed of an error: its text, on one line, without credentials and control characters."""
    return visible(" ".join(mask_secrets(str(error)).split())) or type(error).__name__

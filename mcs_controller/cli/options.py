"""One declaration per option: an annotated field of a frozen dataclass gives the flag, the environment
variable, the chart value, the type, the default and the help.

`heartbeat_interval_seconds: Annotated[float, Option(...)]` becomes `--heartbeat-interval-seconds`,
`MCS_HEARTBEAT_INTERVAL_SECONDS` and the chart value `heartbeatIntervalSeconds`. A flag wins over the
environment, the environment over the default; an empty variable counts as not set, which is what templates
make of a value left out. A value that cannot be used is a `UsageError` that names the option and where the
value came from.
"""

import argparse
import dataclasses
import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeVar, get_type_hints

from mcs_controller.cli.errors import UsageError

ENVIRONMENT_PREFIX: Final = "MCS_"
_SHOWN_MAX_CHARS: Final = 80

Parse = Callable[[str], Any]
"""From a user's text to the value; raises ValueError with what would be right."""

_Settings = TypeVar("_Settings")


@dataclass(frozen=True, slots=True)
class Option:
    """What a field's annotation declares; `key` is the field's name, filled in by `options_of`.

    `default` is a text as a user would write it. Without one an option that is not given is None, or an
    empty tuple when it is repeatable.
    """

    help: str
    parse: Parse = str
    metavar: str = ""
    default: str | None = None
    required: bool = False
    repeatable: bool = False
    key: str = ""

    @property
    def name(self) -> str:
        """`heartbeat-interval-seconds`; without the `_` that ends a field named like a keyword of Python."""
        return self.key.rstrip("_").replace("_", "-")

    @property
    def flag(self) -> str:
        """`--heartbeat-interval-seconds`."""
        return f"--{self.name}"

    @property
    def env(self) -> str:
        """`MCS_HEARTBEAT_INTERVAL_SECONDS`."""
        return ENVIRONMENT_PREFIX + self.key.rstrip("_").upper()

    @property
    def chart_value(self) -> str:
        """`heartbeatIntervalSeconds`."""
        first, *rest = self.key.rstrip("_").split("_")
        return first + "".join(part.capitalize() for part in rest)

    @property
    def is_switch(self) -> bool:
        """Whether it is written `--name` or `--no-name`, without a value."""
        return self.parse is switch


def options_of(settings: type) -> list[Option]:
    """The options that a settings class declares, in its order."""
    hints = get_type_hints(settings, include_extras=True)
    return [
        dataclasses.replace(declared, key=key)
        for key, hint in hints.items()
        for declared in getattr(hint, "__metadata__", ())
        if isinstance(declared, Option)
    ]


def add_options(parser: argparse.ArgumentParser, settings: type, *, inherited: Collection[str] = ()) -> None:
    """Add every option of a settings class to a parser; values stay texts until `read_options`.

    The keys in `inherited` the command before this one has as well: what was given there holds here.
    """
    for declared in options_of(settings):
        sources = f"[{declared.env}]"
        if declared.default is not None:
            sources = f"(default {declared.default}) {sources}"
        kwargs: dict[str, Any] = {
            "dest": declared.key,
            "help": f"{declared.help} {sources}".replace("%", "%%"),
        }
        if declared.is_switch:
            kwargs["action"] = argparse.BooleanOptionalAction
        else:
            kwargs["metavar"] = declared.metavar or declared.key.rpartition("_")[2].upper()
            if declared.repeatable:
                kwargs["action"] = "append"
        default = argparse.SUPPRESS if declared.key in inherited else None
        parser.add_argument(declared.flag, default=default, **kwargs)


def read_options(
    settings: type[_Settings], arguments: argparse.Namespace, environment: Mapping[str, str]
) -> _Settings:
    """The settings that flags, environment and defaults give together. Raises `UsageError`."""
    return settings(
        **{
            declared.key: _value(
                declared, getattr(arguments, declared.key), environment.get(declared.env, "")
            )
            for declared in options_of(settings)
        }
    )


def _value(declared: Option, given: Any, variable: str) -> Any:
    if given is not None:
        if declared.is_switch:
            return given
        texts, source = given if declared.repeatable else [given], declared.flag
    elif variable.strip():
        texts = variable.split(",") if declared.repeatable else [variable]
        source = f"{declared.flag} (from {declared.env})"
    elif declared.default is not None:
        texts, source = [declared.default], f"{declared.flag} (the default)"
    elif declared.required:
        raise UsageError(f"{declared.flag} is missing: give it, or set {declared.env}")
    else:
        return () if declared.repeatable else None
    values = tuple(_parse(declared, text.strip(), source) for text in texts)
    return values if declared.repeatable else values[0]


def _parse(declared: Option, text: str, source: str) -> Any:
    if not text:
        raise UsageError(f"{source}: the value is empty")
    try:
        return declared.parse(text)
    except ValueError as error:
        raise UsageError(f"{source}: {error}") from error


def switch(text: str) -> bool:
    """True or false, as the environment spells them."""
    match text.lower():
        case "true" | "1" | "yes" | "on":
            return True
        case "false" | "0" | "no" | "off":
            return False
    raise ValueError(f"{_shown(text)} is neither true nor false")


def seconds(text: str) -> float:
    """A time above zero."""
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0.0 < value < float("inf"):
        raise ValueError(f"{_shown(text)} is not a number of seconds above 0")
    return value


def seconds_or_0(text: str) -> float:
    """A time, or none."""
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0.0 <= value < float("inf"):
        raise ValueError(f"{_shown(text)} is not a number of seconds from 0 on")
    return value


def count_up_to(most: int) -> Parse:
    """A whole number from 1 to `most`."""

    def parse(text: str) -> int:
        digits = text.lstrip("0") if text.isascii() and text.isdigit() else ""
        # The length first: what has thousands of digits is not made a number.
        if not digits or len(digits) > len(str(most)) or int(digits) > most:
            raise ValueError(f"{_shown(text)} is not a whole number from 1 to {most}")
        return int(digits)

    return parse


count: Final = count_up_to(999_999_999)
"""A whole number from 1 on."""


def port(text: str) -> int:
    """A port number, or 0 for any that is free."""
    digits = text.lstrip("0") or "0"
    if not (text.isascii() and text.isdigit() and len(digits) <= 5 and int(digits) < 65_536):
        raise ValueError(f"{_shown(text)} is not a port from 0 to 65535")
    return int(digits)


def share(text: str) -> float:
    """A part of a whole, more than nothing and at most all of it."""
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0.0 < value <= 1.0:
        raise ValueError(f"{_shown(text)} is not a share above 0 and up to 1")
    return value


def key_prefix(text: str) -> str:
    """The beginning of keys of labels or annotations."""
    if re.fullmatch("[A-Za-z0-9][-A-Za-z0-9_./]{0,315}", text) is None:
        raise ValueError(f"{_shown(text)} is not the beginning of a label's or annotation's key")
    return text


def one_of(*choices: str) -> Parse:
    """One of a few words."""

    def parse(text: str) -> str:
        if text not in choices:
            raise ValueError(f"{_shown(text)} is not one of: {', '.join(choices)}")
        return text

    return parse


def _shown(text: str) -> str:
    return repr(text if len(text) <= _SHOWN_MAX_CHARS else text[:_SHOWN_MAX_CHARS] + "…")

"""How an option is declared: once, beside the default of the field that has its value.

`heartbeat_interval_seconds: Annotated[float, Option("how often ...", parse=seconds)] = 10.0` in a frozen
dataclass is `--heartbeat-interval-seconds`, `MCS_HEARTBEAT_INTERVAL_SECONDS` and the chart value
`heartbeatIntervalSeconds`. A room's configuration declares its own options; a command takes a whole
configuration with `Group` and hands it on. Flags and environment are read in `cli/options.py`.

The functions below make values of a user's text. They raise `ValueError` with what would be right.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

ENVIRONMENT_PREFIX: Final = "MCS_"
_SHOWN_MAX_CHARS: Final = 80

Parse = Callable[[str], Any]
"""From a user's text to the value; raises ValueError with what would be right."""


def as_text(value: Any) -> str | None:
    """A default as a user would write it; None for one that means that there is no value."""
    if value is None or value == ():
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    return f"{value:g}" if isinstance(value, float) else str(value)


@dataclass(frozen=True, slots=True)
class Option:
    """What a field's annotation declares; `key` is the field's name, filled in by `options_of`.

    `short` is another spelling of the flag, "" for none. `default` is a text as a user would write it. It is
    made from the field's default (`show`) if that has one. Without a default an option that is not given is
    None, or an empty tuple when it is repeatable.
    """

    help: str
    parse: Parse = str
    metavar: str = ""
    default: str | None = None
    required: bool = False
    repeatable: bool = False
    short: str = ""
    key: str = ""
    show: Callable[[Any], str | None] = as_text

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


@dataclass(frozen=True, slots=True)
class Group:
    """Annotates a field whose value is a whole configuration, of the class `config`, with options of its own.

    `prefix` stands before their keys. `options` declares them for a class that does not do so itself.
    """

    config: type
    prefix: str = ""
    options: Mapping[str, Option] = field(default_factory=dict)


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
    return _whole_number(1, most)


def count_or_0_up_to(most: int) -> Parse:
    """A whole number from 0 to `most`."""
    return _whole_number(0, most)


def _whole_number(least: int, most: int) -> Parse:
    def parse(text: str) -> int:
        digits = (text.lstrip("0") or "0") if text.isascii() and text.isdigit() else ""
        # The length first: what has thousands of digits is not made a number.
        if not digits or len(digits) > len(str(most)) or not least <= int(digits) <= most:
            raise ValueError(f"{_shown(text)} is not a whole number from {least} to {most}")
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

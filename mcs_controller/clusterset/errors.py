"""What the rules raise.

    RuleError (ValueError)
    ├── InvalidClusterId    a cluster id that cannot be a namespace, a label value and a DNS label at once
    └── MalformedObject     an object on the wire that does not say what its kind must say

Texts from outside are cut, and their control characters are escaped. An object from another cluster must not
fill a log or a condition, or send control codes to the terminal of a reader.
"""

from typing import Final

from mcs_controller.observe.visible import visible

MAX_TEXT_CHARS: Final = 256


def shortened(text: str, limit: int) -> str:
    """The text, shortened to `limit` characters with an ellipsis when it is longer."""
    return text if len(text) <= limit else text[: limit - 1] + "…"


def cut(text: str, limit: int = MAX_TEXT_CHARS) -> str:
    """The text made visible, in at most `limit` characters."""
    # The text is cut first: a text from outside may be huge.
    return shortened(visible(text[: limit + 1]), limit)


class RuleError(ValueError):
    """The root of this room's errors."""


class InvalidClusterId(RuleError):
    """The message is one line that says what is wrong and what to do."""


class MalformedObject(RuleError):
    """An object cannot be read. No part of it may be used."""

    def __init__(self, message: str) -> None:
        super().__init__(cut(message))

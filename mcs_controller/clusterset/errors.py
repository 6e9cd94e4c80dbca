"""What the rules raise.

    RuleError (ValueError)
    ├── InvalidClusterId    a cluster id that cannot be a namespace, a label value and a DNS label at once
    └── MalformedObject     an object on the wire that does not say what its kind must say

Texts from outside are cut and made visible, so that one object from another cluster can neither fill a log or
a condition nor repaint the terminal of whoever reads it.
"""

from typing import Final

MAX_TEXT_CHARS: Final = 256


def visible(text: str) -> str:
    """The text on one line, with an escape for each character that is not simply shown.

    Newlines and other controls, format characters (bidirectional ones among them), halves of surrogate
    pairs, and spaces that are no plain space.
    """
    if text.isprintable():
        return text
    return "".join(one if one.isprintable() else one.encode("unicode_escape").decode("ascii") for one in text)


def shortened(text: str, limit: int) -> str:
    """The text, shortened to `limit` characters with an ellipsis when it is longer."""
    return text if len(text) <= limit else text[: limit - 1] + "…"


def cut(text: str, limit: int = MAX_TEXT_CHARS) -> str:
    """The text made visible, in at most `limit` characters."""
    # What is beyond the limit is not looked at: a text from outside may be huge.
    return shortened(visible(text[: limit + 1]), limit)


class RuleError(ValueError):
    """The root of this room's errors."""


class InvalidClusterId(RuleError):
    """The message is one line that says what is wrong and what to do."""


class MalformedObject(RuleError):
    """An object cannot be read; nothing of it may be used."""

    def __init__(self, message: str) -> None:
        super().__init__(cut(message))

"""What the rules raise.

    RuleError (ValueError)
    ├── InvalidClusterId    a cluster id that cannot be a namespace, a label value and a DNS label at once
    └── MalformedObject     an object on the wire that does not say what its kind must say

Texts from outside are cut, so that one object from another cluster cannot fill a log or a condition.
"""

MAX_TEXT_CHARS = 256


def cut(text: str, limit: int = MAX_TEXT_CHARS) -> str:
    """The text, shortened to `limit` characters with an ellipsis when it is longer."""
    return text if len(text) <= limit else text[: limit - 1] + "…"


class RuleError(ValueError):
    """The root of this room's errors."""


class InvalidClusterId(RuleError):
    """The message is one line that says what is wrong and what to do."""


class MalformedObject(RuleError):
    """An object cannot be read; nothing of it may be used."""

    def __init__(self, message: str) -> None:
        super().__init__(cut(message))

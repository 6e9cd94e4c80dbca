"""The one reader of JSON from elsewhere: API servers, exec plugins, files, and other processes of ours.

`parse_json` reads all of a text, with msgspec: of the parsers at hand it is the one that keeps nothing of
what it has read. A cache of strings does not help with a text with a hundred thousand different addresses,
and makes it take five times as long.

Two modules beside this one read a part of a text only, with the same library, because making Python objects
of the rest is most of what reading costs: `field_parser.py` reads the fields that the caller needs, and
`object_reader.py` cuts lists and watch lines into the texts of their objects.
"""

from typing import Any, Final

import msgspec

TEXT_MAX_BYTES: Final = 256 * 1024 * 1024
"""Nothing that is read here is longer; whoever expects less says so."""

_DECODER: Final = msgspec.json.Decoder()


def parse_json(text: bytes | str | msgspec.Raw, *, max_bytes: int = TEXT_MAX_BYTES) -> Any:
    """What the JSON says.

    Raises `ValueError` for what is not JSON, is nested too deeply, or has more than `max_bytes` bytes (as
    text: characters).
    """
    if len(text) > max_bytes:
        raise ValueError(f"it has more than {max_bytes} bytes")
    try:
        return _DECODER.decode(text)
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error

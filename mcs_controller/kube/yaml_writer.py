"""YAML for kubectl: every text is one for its reader, too.

The library writes what its own, older rules take for a text without quotes. By those of kubectl's reader
`1e3` and `0o17` are numbers, so that it refuses a kubeconfig or an object with such a name or argument in it.
"""

import re
from collections.abc import Sequence
from typing import Any, Final

import yaml

_NUMBER: Final = re.compile(
    r"[-+]?(?:(?:\.[0-9]+|[0-9][0-9_]*(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?"
    r"|0[oO][0-7_]+|0[xX][0-9a-fA-F_]+|0[bB][01_]+)$"
)


class _Dumper(yaml.SafeDumper):
    """Quotes what is a number for either reader."""


_Dumper.add_implicit_resolver("tag:yaml.org,2002:float", _NUMBER, list("-+.0123456789"))
# The library quotes only the words.
_Dumper.add_implicit_resolver("tag:yaml.org,2002:bool", re.compile(r"[yYnN]$"), list("yYnN"))


def to_yaml(documents: Sequence[Any], *, explicit_start: bool = True) -> str:
    """The documents, keys in their order, with a newline at the end."""
    text: str = yaml.dump_all(documents, Dumper=_Dumper, sort_keys=False, explicit_start=explicit_start)
    return text

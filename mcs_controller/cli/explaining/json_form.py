"""The JSON of explanations: the values of `clusterset/explain/`, with names as Kubernetes spells them.

docs/explain.md lists all fields; a test compares.
"""

import dataclasses
import json
from typing import Any


def as_json(explanation: Any) -> str:
    """One object, for programs."""
    return json.dumps(plain(explanation), indent=2)


def plain(value: Any) -> Any:
    """A value made of frozen dataclasses and tuples, as objects and lists."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {
            field_name(field.name): plain(getattr(value, field.name)) for field in dataclasses.fields(value)
        }
    if isinstance(value, tuple):
        return [plain(one) for one in value]
    return value


def field_name(name: str) -> str:
    """`exported_at` as `exportedAt`."""
    first, *rest = name.split("_")
    return first + "".join(part.capitalize() for part in rest)

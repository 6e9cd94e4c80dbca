"""What docs/explain.md lists: the findings, and the fields of the JSON, from the declarations in the code."""

import dataclasses
import types
from collections.abc import Iterator
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from mcs_controller.cli.explaining.json_form import field_name


def fields_of(type_: type, path: str = "") -> Iterator[tuple[str, str]]:
    """Each field of a dataclass with its JSON type: `exporters[].cluster`, `string`."""
    hints = get_type_hints(type_)
    for field in dataclasses.fields(type_):
        name = f"{path}{field_name(field.name)}"
        yield from _described(name, hints[field.name])


def _described(name: str, hint: Any) -> Iterator[tuple[str, str]]:
    origin = get_origin(hint)
    if origin in (Union, types.UnionType) and type(None) in get_args(hint):
        (inner,) = (one for one in get_args(hint) if one is not type(None))
        for number, (path, kind) in enumerate(_described(name, inner)):
            yield path, f"{kind} or null" if number == 0 else kind
    elif origin is tuple:
        inner = get_args(hint)[0]
        if dataclasses.is_dataclass(inner):
            yield name, "list of objects"
            yield from fields_of(inner, f"{name}[].")  # type: ignore[arg-type]
        else:
            yield name, f"list of {_word(inner)}s"
    elif dataclasses.is_dataclass(hint):
        yield name, "object"
        yield from fields_of(hint, f"{name}.")  # type: ignore[arg-type]
    else:
        yield name, _word(hint)


def _word(hint: Any) -> str:
    if get_origin(hint) in (Literal, Union, types.UnionType):
        return "string"
    return {str: "string", bool: "boolean", int: "integer"}[hint]

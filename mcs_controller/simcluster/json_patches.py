"""JSON patch (RFC 6902) on pointers (RFC 6901).

A patch that cannot be read is a 400; one that cannot be carried out, such as a `test` that fails, is a 422.
"""

from __future__ import annotations

from copy import deepcopy
from typing import Any

from mcs_controller.simcluster import status
from mcs_controller.simcluster.status import StatusError

_MISSING = object()


def apply_json_patch(target: Any, patch: Any) -> Any:
    if not isinstance(patch, list):
        raise status.bad_request("a JSON patch must be a list of operations")
    document = deepcopy(target)
    for operation in patch:
        document = _apply(document, operation)
    return document


def _apply(document: Any, operation: Any) -> Any:
    if not isinstance(operation, dict):
        raise status.bad_request("an operation of a JSON patch must be an object")
    path = _tokens(operation, "path")
    match operation.get("op"):
        case "add":
            return _add(document, path, _value(operation))
        case "remove":
            return _remove(document, path)
        case "replace":
            return _replace(document, path, _value(operation))
        case "move":
            source = _tokens(operation, "from")
            value = _get(document, source)
            return _add(_remove(document, source), path, value)
        case "copy":
            return _add(document, path, deepcopy(_get(document, _tokens(operation, "from"))))
        case "test":
            if not _equal(_get(document, path), operation.get("value")):
                raise _misfit(f"testing value {operation['path']} failed")
            return document
        case other:
            raise _misfit(f"unknown operation {other!r}")


def _misfit(why: str) -> StatusError:
    return status.unprocessable(f"the server rejected our request due to an error in our request: {why}")


def _tokens(operation: dict[str, Any], field: str) -> list[str]:
    pointer = operation.get(field)
    if not isinstance(pointer, str) or (pointer and not pointer.startswith("/")):
        raise status.bad_request(f"an operation of a JSON patch needs a pointer as its {field}")
    return [token.replace("~1", "/").replace("~0", "~") for token in pointer.split("/")[1:]]


def _value(operation: dict[str, Any]) -> Any:
    if "value" not in operation:
        raise status.bad_request(f"operation {operation['op']} of a JSON patch needs a value")
    return operation["value"]


def _equal(one: Any, other: Any) -> bool:
    """JSON equality: true is not 1, though Python says so."""
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(_equal(one[key], other[key]) for key in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(_equal, one, other))
    return bool(one == other)


def _index(container: list[Any], token: str, *, size: int) -> int:
    if not token.isdecimal() or (token != "0" and token.startswith("0")) or int(token) >= size:
        raise _misfit(f"no index {token!r} in a list of {len(container)}")
    return int(token)


def _get(document: Any, path: list[str]) -> Any:
    for token in path:
        if isinstance(document, list):
            document = document[_index(document, token, size=len(document))]
        else:
            document = document.get(token, _MISSING) if isinstance(document, dict) else _MISSING
            if document is _MISSING:
                raise _misfit(f"no value at {'/'.join(path)!r}")
    return document


def _add(document: Any, path: list[str], value: Any) -> Any:
    if not path:
        return value
    parent, token = _get(document, path[:-1]), path[-1]
    if isinstance(parent, list):
        at = len(parent) if token == "-" else _index(parent, token, size=len(parent) + 1)
        parent.insert(at, value)
    elif isinstance(parent, dict):
        parent[token] = value
    else:
        raise _misfit(f"nothing can be added at {'/'.join(path)!r}")
    return document


def _remove(document: Any, path: list[str]) -> Any:
    if not path:
        return None
    _get(document, path)
    parent, token = _get(document, path[:-1]), path[-1]
    if isinstance(parent, list):
        del parent[int(token)]
    else:
        del parent[token]
    return document


def _replace(document: Any, path: list[str], value: Any) -> Any:
    if not path:
        return value
    _get(document, path)
    parent, token = _get(document, path[:-1]), path[-1]
    parent[int(token) if isinstance(parent, list) else token] = value
    return document

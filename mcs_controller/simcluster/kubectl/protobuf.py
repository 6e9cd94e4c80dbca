"""Reads request bodies in Kubernetes' protobuf encoding: `kubectl create namespace`, `service`, `configmap`.

Only the fields that kubectl fills in from its flags are read; the numbers are those of the published API.
Fields that are not in the tables are skipped, as an older server skips them. Answers are always JSON, which
every client takes.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterator
from typing import Any

from mcs_controller.simcluster import status

MEDIA_TYPE = "application/vnd.kubernetes.protobuf"
_MAGIC = b"k8s\x00"

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5

_LAST_SHIFT = 63


class _Malformed(Exception):
    pass


_Fields = dict[int, tuple[str, str]]
"""Number to name and type: text, int, bool, bytes or a message's name; `[x]` repeats, `{x}` maps."""


def _fields(text: str) -> _Fields:
    """`1 name text, 2 ports [ServicePort]` as a table."""
    split = (entry.split() for entry in text.split(","))
    return {int(number): (name, kind) for number, name, kind in split}


_MESSAGES: dict[str, _Fields] = {
    "TypeMeta": _fields("1 apiVersion text, 2 kind text"),
    "Unknown": _fields("1 typeMeta TypeMeta, 2 raw raw"),
    "ObjectMeta": _fields("1 name text, 3 namespace text, 11 labels {text}, 12 annotations {text}"),
    "Namespace": _fields("1 metadata ObjectMeta"),
    "ConfigMap": _fields("1 metadata ObjectMeta, 4 immutable bool, 2 data {text}, 3 binaryData {bytes}"),
    "Service": _fields("1 metadata ObjectMeta, 2 spec ServiceSpec"),
    "ServiceSpec": _fields(
        "1 ports [ServicePort], 2 selector {text}, 3 clusterIP text, 4 type text, 10 externalName text"
    ),
    "ServicePort": _fields(
        "1 name text, 2 protocol text, 3 port int, 4 targetPort IntOrString, 5 nodePort int"
    ),
    "IntOrString": _fields("1 type int, 2 intVal int, 3 strVal text"),
}


def decode(body: bytes) -> dict[str, Any]:
    """The object as JSON would have it. Raises 400 when it cannot be read, 415 for a kind not known here."""
    if not body.startswith(_MAGIC):
        raise status.bad_request("the body is not protobuf: it does not begin with its mark")
    try:
        envelope = _decode_message("Unknown", body[len(_MAGIC) :])
        type_meta: dict[str, Any] = envelope.get("typeMeta", {})
        kind = type_meta.get("kind", "")
        if kind not in _MESSAGES:
            raise status.unsupported_media_type(MEDIA_TYPE, ["application/json", "application/yaml"])
        return type_meta | _decode_message(kind, envelope.get("raw", b""))
    except (_Malformed, UnicodeDecodeError) as error:
        raise status.bad_request(f"the body could not be read as protobuf: {error}") from error


def _decode_message(name: str, data: bytes) -> dict[str, Any]:
    table = _MESSAGES[name]
    decoded: dict[str, Any] = {}
    for number, value in _wire_fields(data):
        if number not in table:
            continue
        field, kind = table[number]
        if isinstance(value, int) is not (kind in ("int", "bool")):
            raise _Malformed(f"{field} has another wire type")
        if kind.startswith("["):
            decoded.setdefault(field, []).append(_value(kind[1:-1], value))
        elif kind.startswith("{"):
            key, entry = _map_entry(kind[1:-1], value)
            decoded.setdefault(field, {})[key] = entry
        else:
            decoded[field] = _value(kind, value)
    return {
        field: value for field, value in decoded.items() if value not in ("", 0, {}) or field == "immutable"
    }


def _value(kind: str, value: Any) -> Any:
    match kind:
        case "text":
            return value.decode()
        case "int":
            return value - (1 << 64) if value >> 63 else value
        case "bool":
            return bool(value)
        case "bytes":
            return b64encode(value).decode()
        case "raw":
            return value
    message = _decode_message(kind, value)
    if kind == "IntOrString":
        return message.get("strVal", "") if message.get("type") else message.get("intVal", 0)
    return message


def _map_entry(kind: str, data: bytes) -> tuple[str, Any]:
    parts = dict(_wire_fields(data))
    key, value = parts.get(1, b""), parts.get(2, b"")
    if isinstance(key, int) or isinstance(value, int):
        raise _Malformed("an entry of a map has another wire type")
    return _value("text", key), _value(kind, value)


def _wire_fields(data: bytes) -> Iterator[tuple[int, Any]]:
    """Field numbers and raw values: a number, or the bytes of a text or message."""
    position = 0
    while position < len(data):
        tag, position = _varint(data, position)
        number, wire_type = tag >> 3, tag & 7
        if wire_type == _VARINT:
            value: Any
            value, position = _varint(data, position)
        else:
            if wire_type == _BYTES:
                length, position = _varint(data, position)
            elif wire_type in (_FIXED64, _FIXED32):
                length = 8 if wire_type == _FIXED64 else 4
            else:
                raise _Malformed(f"there is no wire type {wire_type}")
            value = data[position : position + length]
            if len(value) < length:
                raise _Malformed("it ends too early")
            position += length
        yield number, value


def _varint(data: bytes, position: int) -> tuple[int, int]:
    result = shift = 0
    while True:
        if position == len(data) or shift > _LAST_SHIFT:
            raise _Malformed("it ends too early" if position == len(data) else "a number is too long")
        byte = data[position]
        position += 1
        result |= (byte & 0x7F) << shift
        if byte < 0x80:
            return result, position
        shift += 7

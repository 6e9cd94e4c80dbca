"""Label and field selectors: the texts of `labelSelector=` and `fieldSelector=` made into predicates.

Anything malformed, and any field that the real server cannot select by, is a 400.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from mcs_controller.simcluster import status
from mcs_controller.simcluster.kinds.resource_kind import Kind
from mcs_controller.simcluster.schemas import names
from mcs_controller.simcluster.status import StatusError

Labels = Mapping[str, str]
LabelPredicate = Callable[[Labels], bool]
ObjectPredicate = Callable[[Mapping[str, Any]], bool]

_TOKENS = re.compile(r"\s*(!=|==|=|!|<|>|,|\(|\)|[^\s=!<>,()]+)")
_FIELD_TERM = re.compile(r"(?P<field>(?:[^\\=!]|\\.)+?)(?P<operator>==|!=|=)(?P<value>(?:[^\\=]|\\.)*)")
_UNESCAPED_COMMA = re.compile(r"(?<!\\),")


def label_selector(text: str) -> LabelPredicate:
    requirements = list(_LabelParser(text).requirements())
    if not requirements:
        return lambda labels: True
    if len(requirements) == 1:
        return requirements[0]
    return lambda labels: all(one(labels) for one in requirements)


class _LabelParser:
    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens = self._split(text)
        self._position = 0

    def _split(self, text: str) -> list[str]:
        tokens: list[str] = []
        position = 0
        stripped = text.rstrip()
        while position < len(stripped):
            match = _TOKENS.match(stripped, position)
            if match is None:
                raise self._malformed("unexpected character")
            tokens.append(match.group(1))
            position = match.end()
        return tokens

    def _malformed(self, why: str) -> StatusError:
        return status.bad_request(f"unable to parse requirement: {why} in {self._text!r}")

    def _next(self) -> str:
        token = self._peek()
        self._position += 1
        return token

    def _peek(self) -> str:
        return self._tokens[self._position] if self._position < len(self._tokens) else ""

    def requirements(self) -> Iterator[LabelPredicate]:
        if not self._tokens:
            return
        while True:
            yield self._requirement()
            match self._next():
                case "":
                    return
                case ",":
                    continue
                case other:
                    raise self._malformed(f"found '{other}', expected: ',' or end of text")

    def _requirement(self) -> LabelPredicate:
        if self._peek() == "!":
            self._next()
            absent = self._key()
            return lambda labels: absent not in labels
        key = self._key()
        operator = self._peek()
        if operator in ("", ","):
            return lambda labels: key in labels
        self._next()
        match operator:
            case "=" | "==":
                value = self._value()
                return lambda labels: labels.get(key) == value
            case "!=":
                value = self._value()
                return lambda labels: labels.get(key) != value
            case "in":
                values = self._values()
                return lambda labels: labels.get(key) in values
            case "notin":
                values = self._values()
                return lambda labels: labels.get(key) not in values
            case "<" | ">":
                return self._comparison(key, operator)
        raise self._malformed(f"found '{operator}', expected: in, notin, =, ==, !=, <, >")

    def _comparison(self, key: str, operator: str) -> LabelPredicate:
        text = self._value()
        if not re.fullmatch(r"-?\d+", text):
            raise self._malformed("for '<' and '>' operators, the value must be an integer")
        bound = int(text)

        def compare(labels: Labels) -> bool:
            value = labels.get(key, "")
            if not re.fullmatch(r"-?\d+", value):
                return False
            return int(value) > bound if operator == ">" else int(value) < bound

        return compare

    def _key(self) -> str:
        key = self._next()
        complaint = names.qualified_name_complaint(key)
        if complaint:
            raise self._malformed(f"key {key!r}: {complaint}")
        return key

    def _value(self) -> str:
        if self._peek() in ("", ","):
            return ""
        return self._checked(self._next())

    def _values(self) -> frozenset[str]:
        if self._next() != "(":
            raise self._malformed("expected: '('")
        values: set[str] = set()
        while True:
            token = self._peek()
            values.add("" if token in (",", ")") else self._checked(self._next()))
            match self._next():
                case ")":
                    return frozenset(values)
                case ",":
                    continue
                case other:
                    raise self._malformed(f"found '{other}', expected: ',' or ')'")

    def _checked(self, value: str) -> str:
        complaint = names.label_value_complaint(value)
        if complaint:
            raise self._malformed(f"value {value!r}: {complaint}")
        return value


def field_selector(text: str, kind: Kind) -> ObjectPredicate:
    terms = [_field_term(part, kind) for part in _UNESCAPED_COMMA.split(text) if part]
    return lambda obj: all(one(obj) for one in terms)


def _field_term(text: str, kind: Kind) -> ObjectPredicate:
    match = _FIELD_TERM.fullmatch(text)
    if match is None:
        raise status.bad_request(f"invalid selector: '{text}'; can't understand '{text}'")
    field, operator = match["field"], match["operator"]
    value = re.sub(r"\\([\\,=])", r"\1", match["value"])
    paths = [path.split(".") for path in _field_paths(field, kind)]
    wanted = operator != "!="
    return lambda obj: (_first_text(obj, paths) == value) is wanted


def _field_paths(field: str, kind: Kind) -> tuple[str, ...]:
    if field == "metadata.name" or (field == "metadata.namespace" and kind.namespaced):
        return (field,)
    if field in kind.field_paths:
        return kind.field_paths[field]
    raise status.bad_request(f"field label not supported: {field}")


def _first_text(obj: Mapping[str, Any], paths: list[list[str]]) -> str:
    for path in paths:
        value: Any = obj
        for key in path:
            value = value.get(key) if isinstance(value, dict) else None
        if value not in (None, ""):
            return str(value).lower() if isinstance(value, bool) else str(value)
    return ""

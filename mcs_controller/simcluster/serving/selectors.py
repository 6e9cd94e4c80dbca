"""Turns the texts of `labelSelector=` and `fieldSelector=` into predicates.

A malformed selector is a 400, and so is a field that the real server cannot select by.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from mcs_controller.simcluster import status
from mcs_controller.simcluster.kinds.kind import Kind
from mcs_controller.simcluster.schemas import names

Labels = Mapping[str, str]
LabelPredicate = Callable[[Labels], bool]
ObjectPredicate = Callable[[Mapping[str, Any]], bool]

_TOKEN = r"[^\s=!<>,()]"
_LABEL_TERM = re.compile(
    rf"""\s*(?:
        !\s*(?P<absent>{_TOKEN}+)
        | (?P<key>{_TOKEN}+) \s* (?:
            (?P<operator>==|=|!=) \s* (?P<value>{_TOKEN}*)
            | (?P<sets>in|notin) \s* \( (?P<values>[^()]*) \)
        )?
    )\s*(?P<end>,|\Z)""",
    re.VERBOSE,
)
_FIELD_TERM = re.compile(r"(?P<field>(?:[^\\=!]|\\.)+?)(?P<operator>==|!=|=)(?P<value>(?:[^\\=]|\\.)*)")
_UNESCAPED_COMMA = re.compile(r"(?<!\\),")


def label_selector(text: str) -> LabelPredicate:
    """Raises 400. The comparisons `<` and `>` are not understood."""
    terms, position = [], 0
    while position < len(text):
        match = _LABEL_TERM.match(text, position)
        if match is None or (match["end"] and match.end() == len(text)):
            raise status.bad_request(f"unable to parse requirement: {text[position:]!r} in {text!r}")
        terms.append(_label_term(match))
        position = match.end()
    return terms[0] if len(terms) == 1 else lambda labels: all(one(labels) for one in terms)


def _label_term(match: re.Match[str]) -> LabelPredicate:
    key = match["key"] or match["absent"]
    _check(key, names.qualified_name_complaint(key))
    if match["absent"]:
        return lambda labels: key not in labels
    if match["operator"]:
        values = frozenset((match["value"],))
    elif match["sets"]:
        values = frozenset(one.strip() for one in match["values"].split(","))
    else:
        return lambda labels: key in labels
    for value in values:
        _check(value, names.label_value_complaint(value))
    if match["operator"] == "!=" or match["sets"] == "notin":
        return lambda labels: labels.get(key) not in values
    return lambda labels: labels.get(key) in values


def _check(text: str, complaint: str) -> None:
    if complaint:
        raise status.bad_request(f"unable to parse requirement: {text!r}: {complaint}")


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

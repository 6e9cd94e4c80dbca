"""Label selectors, as Kubernetes understands them: every part must be true, and an empty selector takes all.

`NotIn` and `DoesNotExist` are also true of an object that lacks the label.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal, cast

from mcs_controller.api.policies import MAX_EXPRESSIONS, MAX_LABELS, MAX_VALUES
from mcs_controller.clusterset.errors import MalformedObject
from mcs_controller.clusterset.fields import Json, an_object, bad, child, items, string_pairs, text, texts
from mcs_controller.clusterset.model import StringMap
from mcs_controller.clusterset.syntax import is_label_value, is_qualified_name

Operator = Literal["In", "NotIn", "Exists", "DoesNotExist"]
_WITH_VALUES: Final = ("In", "NotIn")
_OPERATORS: Final = (*_WITH_VALUES, "Exists", "DoesNotExist")


@dataclass(frozen=True, slots=True)
class Expression:
    """What is asked of one label; `values` only of In and NotIn."""

    key: str
    operator: Operator
    values: tuple[str, ...] = ()

    def matches(self, labels: Mapping[str, str]) -> bool:
        """Whether it is true of these labels."""
        match self.operator:
            case "In":
                return labels.get(self.key) in self.values
            case "NotIn":
                return labels.get(self.key) not in self.values
            case "Exists":
                return self.key in labels
            case "DoesNotExist":
                return self.key not in labels


@dataclass(frozen=True, slots=True)
class Selector:
    """All `labels` with their values, and all `expressions`."""

    labels: StringMap = ()
    expressions: tuple[Expression, ...] = ()

    def matches(self, labels: Mapping[str, str]) -> bool:
        """Whether an object with these labels is selected."""
        return all(labels.get(key) == value for key, value in self.labels) and all(
            one.matches(labels) for one in self.expressions
        )


def decode_selector(parent: Json, field: str) -> Selector | None:
    """The selector in the field, None when absent. Raises `MalformedObject`."""
    if parent.get(field) is None:
        return None
    raw = child(parent, field)
    labels = string_pairs(raw, "matchLabels")
    if len(labels) > MAX_LABELS:
        raise MalformedObject(f"{field}.matchLabels has {len(labels)} labels, more than {MAX_LABELS}")
    for key, value in labels:
        _check_key(key)
        _check_value(value)
    expressions = items(raw, "matchExpressions", MAX_EXPRESSIONS)
    return Selector(labels, tuple(_expression(an_object(one, "matchExpressions")) for one in expressions))


def _expression(raw: Json) -> Expression:
    key, operator = text(raw, "key"), text(raw, "operator")
    values = texts(raw, "values", MAX_VALUES)
    _check_key(key)
    if operator not in _OPERATORS:
        raise bad("operator", operator, f"one of {', '.join(_OPERATORS)}")
    if (operator in _WITH_VALUES) != bool(values):
        raise MalformedObject(f"{operator} {'needs' if operator in _WITH_VALUES else 'takes no'} values")
    for value in values:
        _check_value(value)
    return Expression(key, cast(Operator, operator), values)


def _check_key(key: str) -> None:
    if not is_qualified_name(key):
        raise bad("label key", key, "the key of a label")


def _check_value(value: str) -> None:
    if not is_label_value(value):
        raise bad("label value", value, "the value of a label")

"""What has to be written so that an object is as it is wanted: pure rules, over what was read before.

Wanted are the fields of `Wanted.body`, one by one below `spec` and `metadata.labels`; what others added
there stays. An object that does not carry our label belongs to somebody else: it is used as it is if it says
what is wanted, and never changed. So is what the chart of the broker made, also where nobody else's would do.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from mcs_controller.api.names import CHART_OF_BROKER, INSTALLED_BY, LABEL_CHART, LABEL_INSTALLED_BY
from mcs_controller.api.resources import Resource
from mcs_controller.install.errors import BeingDeleted, NotOurs

JsonObject = dict[str, Any]
Result = Literal["created", "updated", "replaced", "unchanged"]


@dataclass(frozen=True, slots=True)
class Wanted:
    """An object with our label. With `exclusive` one that somebody else made is refused, whatever it says."""

    resource: Resource
    body: JsonObject
    exclusive: bool = False

    @property
    def name(self) -> str:
        """Its name."""
        return str(self.body["metadata"]["name"])

    @property
    def namespace(self) -> str:
        """Its namespace, "" for an object of the whole cluster."""
        return str(self.body["metadata"].get("namespace", ""))

    def __str__(self) -> str:
        return f"{self.resource.kind} {self.namespace}{'/' if self.namespace else ''}{self.name}"


@dataclass(frozen=True, slots=True)
class Step:
    """What becomes of one object; `body` is what is written, the object as found if nothing is."""

    wanted: Wanted
    result: Result
    body: JsonObject


def is_ours(found: Mapping[str, Any]) -> bool:
    """Whether these commands made the object."""
    return _labels(found).get(LABEL_INSTALLED_BY) == INSTALLED_BY


def is_of_our_chart(found: Mapping[str, Any]) -> bool:
    """Whether the chart of the broker made the object: Helm may change it, but it is meant for the same."""
    labels = _labels(found)
    return labels.get(LABEL_INSTALLED_BY) == "Helm" and labels.get(LABEL_CHART) == CHART_OF_BROKER


def step_for(wanted: Wanted, found: JsonObject | None) -> Step:
    """What has to be done, given what the API server has. Raises `InstallError`."""
    if found is None:
        return Step(wanted, "created", wanted.body)
    if found["metadata"].get("deletionTimestamp"):
        raise BeingDeleted(str(wanted))
    ours = is_ours(found)
    as_wanted = _says(found, wanted.body)
    stranger = not ours and not is_of_our_chart(found)
    if (stranger and wanted.exclusive) or (not ours and not as_wanted):
        raise NotOurs(_in_the_way(wanted, found))
    if as_wanted:
        return Step(wanted, "unchanged", found)
    return Step(wanted, "updated", _merged(found, wanted.body))


def replacing(step: Step) -> Step:
    """The step that deletes the object and makes it anew, with another UID, for whoever manages it now.

    Raises `NotOurs`.
    """
    if step.result == "created":
        return step
    found, wanted = step.body, step.wanted
    if not is_ours(found) and not is_of_our_chart(found):
        raise NotOurs(_in_the_way(wanted, found))
    metadata = {**wanted.body["metadata"], "labels": _labels(found)}
    if found["metadata"].get("annotations"):
        metadata["annotations"] = found["metadata"]["annotations"]
    return Step(wanted, "replaced", {**wanted.body, "metadata": metadata})


def _in_the_way(wanted: Wanted, found: JsonObject) -> str:
    by = _labels(found).get(LABEL_INSTALLED_BY)
    within = f" --namespace {wanted.namespace}" if wanted.namespace else ""
    label = f"kubectl label{within} {wanted.resource.plural} {wanted.name} --overwrite"
    return (
        f"{wanted} was not made by this command{f' (managed by {by})' if by else ''}: nothing was written. "
        "Change it with what made it, or delete it; to let this command take it over, run: "
        f"{label} {LABEL_INSTALLED_BY}={INSTALLED_BY}"
    )


def _says(found: JsonObject, wanted: JsonObject) -> bool:
    """Whether all that is wanted is there, our own label aside."""
    labels = {
        key: value
        for key, value in _labels(wanted).items()
        if key != LABEL_INSTALLED_BY and _labels(found).get(key) != value
    }
    return not labels and all(_has(found.get(key), key, value) for key, value in _content(wanted))


def _has(there: Any, key: str, value: Any) -> bool:
    if key == "spec" and isinstance(there, dict):
        return all(there.get(name) == one for name, one in value.items())
    # What is empty is not stored.
    return bool(there == value) or (there is None and value in ({}, []))


def _merged(found: JsonObject, wanted: JsonObject) -> JsonObject:
    merged = dict(found)
    for key, value in _content(wanted):
        merged[key] = {**(found.get(key) or {}), **value} if key == "spec" else value
    merged["metadata"] = {**found["metadata"], "labels": {**_labels(found), **_labels(wanted)}}
    return merged


def _content(wanted: JsonObject) -> list[tuple[str, Any]]:
    return [
        (key, value)
        for key, value in wanted.items()
        if key not in ("apiVersion", "kind", "metadata", "status")
    ]


def _labels(body: Mapping[str, Any]) -> dict[str, str]:
    return body["metadata"].get("labels") or {}

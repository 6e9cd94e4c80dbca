"""What an agent does about the two well-known properties while its cluster is a member (KEP-2149).

They exist and do not change for as long as the cluster is a member (ABT-05, ABT-08): what somebody edits or
deletes is put back. The id comes first, and the clusterset only once the id stands as it should (ABT-10). A
clusterset that others wrote is never changed: the cluster may be a member of two only by mistake (ABT-09).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from mcs_controller.api.names import (
    ANNOTATION_PROPERTY_VALUE,
    CLUSTER_ID_PROPERTY,
    CLUSTERSET_PROPERTY,
    PROPERTY_MAX_CHARS,
)
from mcs_controller.clusterset.errors import RuleError
from mcs_controller.clusterset.properties.well_known import Property, Trouble, in_ascii

HOW_TO_LEAVE: Final = (
    "leave that clusterset first (`leave`), or delete the ClusterProperty if the cluster is no member of it"
)


@dataclass(frozen=True, slots=True)
class Step:
    """One property to be written: `old` is what it says now, None if it is not there."""

    name: str
    value: str
    old: str | None


@dataclass(frozen=True, slots=True)
class Keeping:
    """What is to be written now, and why something of it cannot be, None if all is as it should be."""

    steps: tuple[Step, ...] = ()
    trouble: Trouble | None = None


def keep(cluster_id: str, clusterset: str, found: Mapping[str, Property]) -> Keeping:
    """What to do, given what the cluster has; `clusterset` is what the broker calls it, "" if it does not.

    Only for a cluster whose id is proven to be its own (ABT-10). After each step it is asked again.
    """
    own_id = found.get(CLUSTER_ID_PROPERTY)
    if own_id is None or own_id.value != cluster_id:
        return Keeping((Step(CLUSTER_ID_PROPERTY, cluster_id, own_id.value if own_id else None),))
    held = found.get(CLUSTERSET_PROPERTY)
    if held is not None and held.written and held.value != held.written:
        return Keeping((Step(CLUSTERSET_PROPERTY, held.written, held.value),))
    if held is None or not held.value:
        if not clusterset:
            return Keeping(trouble=_UNNAMED)
        return Keeping((Step(CLUSTERSET_PROPERTY, clusterset, held.value if held else None),))
    if clusterset and held.value != clusterset:
        return Keeping(
            trouble=Trouble(
                "AnotherClusterset",
                f"the broker is that of clusterset {in_ascii(clusterset)}: {HOW_TO_LEAVE}",
            )
        )
    return Keeping()


def property_body(api_version: str, name: str, value: str) -> dict[str, Any]:
    """The ClusterProperty that says so, with our mark. Raises `RuleError` for a value that none may have."""
    check_value(value)
    metadata = {"name": name, "annotations": {ANNOTATION_PROPERTY_VALUE: value}}
    return {
        "apiVersion": api_version,
        "kind": "ClusterProperty",
        "metadata": metadata,
        "spec": {"value": value},
    }


def check_value(value: str) -> str:
    """The value itself, if a property may have it (ABT-02). Raises `RuleError`.

    Code points count, not bytes: the schema of the API has no bound, so that whoever writes keeps it.
    """
    if not 0 < len(value) <= PROPERTY_MAX_CHARS:
        raise RuleError(
            f"the value of a ClusterProperty has 1 to {PROPERTY_MAX_CHARS} characters, not {len(value)}"
        )
    return value


_UNNAMED: Final = Trouble(
    "ClustersetUnknown",
    "the MemberCluster does not say of which clusterset it is: the broker's administrator runs "
    "`broker init --clusterset NAME`",
)

"""Whatever an object holds, decoding gives a value or raises MalformedObject."""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mcs_controller.clusterset.conditions import decode_conditions
from mcs_controller.clusterset.errors import MAX_TEXT_CHARS, MalformedObject
from mcs_controller.clusterset.membership.member import decode_member
from mcs_controller.clusterset.namespaces import namespace_active
from mcs_controller.clusterset.services import decode
from tests.clusterset.builders import raw_exported_service, raw_exported_slice, raw_slice
from tests.clusterset.strategies import json_values, mutated
from tests.clusterset.test_decode_local import raw_import, raw_service

FULL_SERVICE = raw_exported_service(
    changedAt="2026-01-01T00:00:01.500000Z",
    sessionAffinity="ClientIP",
    sessionAffinityConfig={"clientIP": {"timeoutSeconds": 10}},
    internalTrafficPolicy="Local",
    trafficDistribution="PreferClose",
    exportedLabels={"tier": "web"},
    exportedAnnotations={"note": "x"},
)
FULL_IMPORTED = raw_slice(
    metadata={
        "name": "web-abc",
        "namespace": "shop",
        "labels": {
            "multicluster.kubernetes.io/service-name": "web",
            "multicluster.kubernetes.io/source-cluster": "east",
            "endpointslice.kubernetes.io/managed-by": "mcs-controller.io",
        },
        "ownerReferences": [
            {"apiVersion": "multicluster.x-k8s.io/v1beta1", "kind": "ServiceImport", "uid": "u"}
        ],
    }
)
FULL_EXPORT = {
    "metadata": {
        "name": "web",
        "namespace": "shop",
        "generation": 1,
        "creationTimestamp": "2026-01-01T00:00:00Z",
    },
    "spec": {"exportedLabels": {"a": "1"}},
    "status": {
        "conditions": [{"type": "Valid", "status": "True", "reason": "Valid", "observedGeneration": 1}]
    },
}
FULL_MEMBER = {
    "metadata": {"name": "east", "namespace": "mcs-member-east"},
    "spec": {"podCIDRs": ["10.0.0.0/8"], "namespaces": ["shop"]},
    "status": {"clusterUID": "u", "heartbeat": "x"},
}

READERS: list[tuple[str, Callable[[Any], object], dict[str, Any]]] = [
    ("exported_service", decode.exported_service, FULL_SERVICE),
    ("exported_slice", decode.exported_slice, raw_exported_slice(changedAt="2026-01-01T00:00:01Z")),
    ("member", decode_member, FULL_MEMBER),
    ("source_slice", lambda raw: decode.source_slice(raw, "east"), raw_slice()),
    ("imported_slice", decode.imported_slice, FULL_IMPORTED),
    ("imported_slice_any_manager", decode.imported_slice_any_manager, FULL_IMPORTED),
    ("service_export", decode.service_export, FULL_EXPORT),
    ("service", decode.service, raw_service()),
    ("service_import", decode.service_import, raw_import()),
    ("namespace_active", namespace_active, {"metadata": {}, "status": {"phase": "Active"}}),
    ("conditions", decode_conditions, FULL_EXPORT["status"]["conditions"]),  # type: ignore[index]
]


def refusal(read: Callable[[Any], object], raw: Any) -> str:
    """Why the object was refused, "" if it was read; any other error fails the test."""
    try:
        hash(read(raw))
    except MalformedObject as error:
        return str(error)
    return ""


@pytest.mark.requirement("MCS-RBAC-06")
@pytest.mark.parametrize(("name", "read", "sound"), READERS, ids=[name for name, _, _ in READERS])
def test_nothing_but_malformed_object_is_ever_raised(
    name: str, read: Callable[[Any], object], sound: dict[str, Any]
) -> None:
    assert refusal(read, sound) == "", f"{name} does not even read a sound object"

    @settings(max_examples=120)
    @given(st.one_of(mutated(sound), json_values))
    def holds(raw: Any) -> None:
        assert len(refusal(read, raw)) <= MAX_TEXT_CHARS

    holds()


@pytest.mark.parametrize(
    "huge",
    [10**5000, float("nan"), float("inf"), "x" * 1_000_000, [[]] * 10_000],
    ids=["digits", "nan", "inf", "text", "list"],
)
@pytest.mark.parametrize(
    "field", ["exportedAt", "type", "ports", "serviceName", "ipFamilies", "exportedLabels"]
)
def test_a_huge_value_is_refused_in_a_short_message(field: str, huge: Any) -> None:
    with pytest.raises(MalformedObject) as caught:
        decode.exported_service(raw_exported_service(**{field: huge}))
    assert len(str(caught.value)) <= MAX_TEXT_CHARS

"""What the rules write fits the schemas: at its smallest and at the limits that the rules keep to."""

from __future__ import annotations

from typing import Any

import jsonschema
import pytest

from mcs_controller.api.crd import all_crds
from mcs_controller.clusterset.model import (
    AffinityConfig,
    Endpoint,
    ExportRecord,
    ServiceKey,
    ServicePort,
    SliceContent,
    SlicePort,
    SourceSlice,
)
from mcs_controller.clusterset.services import encode
from mcs_controller.clusterset.services.metadata import exportable_annotations, exportable_labels
from mcs_controller.clusterset.syntax import MAX_ANNOTATION_CHARS

SCHEMAS = {
    crd["spec"]["names"]["kind"]: crd["spec"]["versions"][-1]["schema"]["openAPIV3Schema"]
    for crd in all_crds()
}
LONG_DOMAIN = ".".join(["d" * 62] * 4)
LONG = ServiceKey("n" * 63, "s" * 63)
SMALLEST_RECORD = ExportRecord("east", ServiceKey("a", "b"), "2026-11-20T10:00:00Z", "Headless", ports=())
LARGEST_RECORD = ExportRecord(
    "e" * 52,
    LONG,
    "2026-11-20T10:00:00Z",
    "ClusterSetIP",
    ports=tuple(
        ServicePort(65_535 - number, f"{number:p>63}", "SCTP", f"{LONG_DOMAIN}/{'p' * 63}")
        for number in range(100)
    ),
    affinity=AffinityConfig("ClientIP", 86_400),
    traffic_distribution="PreferSameZone",
    ip_families=("IPv6", "IPv4"),
    labels=exportable_labels(tuple((f"{LONG_DOMAIN}/{number:k>63}", "v" * 63) for number in range(200))),
    annotations=exportable_annotations(
        (("note", "n" * MAX_ANNOTATION_CHARS), *((f"n{i}", "") for i in range(200)))
    ),
)
SMALLEST_SLICE = SourceSlice(
    "east", ServiceKey("a", "b"), "b-1", SliceContent("IPv4", (), (Endpoint(("10.0.0.1",)),))
)
LARGEST_SLICE = SourceSlice(
    "e" * 52,
    LONG,
    "s" * 253,
    SliceContent(
        "IPv6",
        tuple(
            SlicePort(65_535, f"{number:p>63}", "SCTP", f"{LONG_DOMAIN}/{'p' * 63}") for number in range(100)
        ),
        (Endpoint(("2001:db8:1111:2222:3333:4444:5555:6666",) * 100, True, True, False, "h" * 63, "z" * 63),)
        * 1000,
    ),
)


def violations(body: dict[str, Any]) -> list[str]:
    validator = jsonschema.Draft202012Validator(SCHEMAS[body["kind"]])
    return [f"{error.json_path}: {error.message[:200]}" for error in validator.iter_errors(body)]


@pytest.mark.parametrize("record", [SMALLEST_RECORD, LARGEST_RECORD], ids=["smallest", "largest"])
def test_an_export_record_fits_the_brokers_schema(record: ExportRecord) -> None:
    assert violations(encode.exported_service(record, 1_763_632_800.5)) == []


@pytest.mark.parametrize("slice_", [SMALLEST_SLICE, LARGEST_SLICE], ids=["smallest", "largest"])
def test_an_exported_slice_fits_the_brokers_schema(slice_: SourceSlice) -> None:
    assert violations(encode.exported_slice(slice_, 1_763_632_800.5)) == []


def test_the_rules_cut_exported_metadata_to_what_the_schema_takes() -> None:
    assert len(LARGEST_RECORD.labels) == len(LARGEST_RECORD.annotations) == 100
    assert LARGEST_RECORD.annotations[0] == ("note", "n" * MAX_ANNOTATION_CHARS)
    too_much = [("note", "n" * (MAX_ANNOTATION_CHARS + 1))]
    assert exportable_annotations(tuple(too_much)) == ()

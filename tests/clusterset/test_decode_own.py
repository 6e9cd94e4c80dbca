"""What we wrote ourselves and somebody edited: read in any case, and different from all that is wanted."""

from typing import Any

import pytest
from hypothesis import given, settings

from mcs_controller.clusterset.errors import MalformedObject
from mcs_controller.clusterset.model import (
    Endpoint,
    ImportedSlice,
    ServiceKey,
    SliceContent,
    SourceSlice,
)
from mcs_controller.clusterset.services import decode, encode
from tests.clusterset.builders import WEB, raw_exported_service, raw_exported_slice, record, source_slice
from tests.clusterset.strategies import mutated


def test_what_nobody_touched_is_read_as_everybody_reads_it() -> None:
    assert decode.own_exported_service(raw_exported_service()) == decode.exported_service(
        raw_exported_service()
    )
    assert decode.own_exported_slice(raw_exported_slice()) == decode.exported_slice(raw_exported_slice())
    assert decode.exported_service(raw_exported_service()).readable


@pytest.mark.parametrize(
    "edit", [{"ports": []}, {"type": "Odd"}, {"serviceName": "api"}, {"exportedAt": "yesterday"}], ids=str
)
def test_a_record_that_cannot_be_read_is_one_of_its_name_that_no_export_equals(edit: dict[str, Any]) -> None:
    found = decode.own_exported_service(raw_exported_service(**edit))
    assert (found.cluster, found.service, found.readable) == ("east", WEB, False)
    assert found != record()


@pytest.mark.parametrize("name", ["web", "Shop.web", "shop.", ".web", "shop.web.more"])
def test_a_record_that_not_even_its_name_tells_the_service_of_stays_malformed(name: str) -> None:
    raw = raw_exported_service(ports=[])
    raw["metadata"]["name"] = name
    with pytest.raises(MalformedObject):
        decode.own_exported_service(raw)


@pytest.mark.parametrize(
    ("edit", "service"),
    [
        ({"endpoints": [{"addresses": ["127.0.0.1"]}]}, WEB),
        ({"addressType": "FQDN"}, WEB),
        ({"sliceName": "other"}, WEB),
        ({"serviceNamespace": "bank"}, ServiceKey("bank", "web")),
        ({"serviceName": "Not A Label"}, ServiceKey("shop", "")),
        ({"serviceNamespace": ""}, ServiceKey("shop", "")),
    ],
    ids=str,
)
def test_an_exported_slice_that_cannot_be_read_has_no_name(edit: dict[str, Any], service: ServiceKey) -> None:
    found = decode.own_exported_slice(raw_exported_slice(**edit))
    assert found == SourceSlice("east", service, "", SliceContent("IPv4", (), ()))


@pytest.mark.parametrize(
    ("edit", "family"),
    [
        ({"endpoints": [{"addresses": ["239.1.1.1"]}]}, "IPv4"),
        ({"ports": [{"name": f"p{number}", "port": number} for number in range(1, 3000)]}, "IPv4"),
        ({"addressType": "IPv6", "endpoints": [{"addresses": ["ff0e::1"]}]}, "IPv6"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_an_imported_slice_that_cannot_be_read_has_an_endpoint_that_none_has(
    edit: dict[str, Any], family: Any
) -> None:
    slice_ = ImportedSlice(WEB, "web-east-x", "east", source_slice().content, "derived-x", "si")
    sound = encode.imported_slice(slice_)
    found = decode.own_imported_slice(sound)
    assert found is not None
    assert (found.name, found.source_cluster, found.derived_service) == ("web-east-x", "east", "derived-x")
    found = decode.own_imported_slice(sound | edit)
    assert found == ImportedSlice(WEB, "web-east-x", "east", SliceContent(family, (), (Endpoint(()),)))
    sound["metadata"]["labels"]["endpointslice.kubernetes.io/managed-by"] = "somebody"
    assert decode.own_imported_slice(sound | edit) is None


@settings(max_examples=100)
@given(mutated(raw_exported_service()["spec"]), mutated(raw_exported_slice()["spec"]))
def test_nothing_that_somebody_writes_into_a_spec_leaves_our_own_unread(service: Any, slice_: Any) -> None:
    for raw, spec, read in (
        (raw_exported_service(), service, decode.own_exported_service),
        (raw_exported_slice(), slice_, decode.own_exported_slice),
    ):
        texts = {"serviceNamespace", "serviceName"}
        if isinstance(spec, dict) and all(isinstance(spec.get(field, ""), str) for field in texts):
            assert read({**raw, "spec": spec}).cluster == "east"


def test_a_slice_s_namespace_is_what_its_name_begins_with_however_many_dots_follow() -> None:
    raw = raw_exported_slice(serviceName="Not A Label")
    raw["metadata"]["name"] = "shop.web.more.dots"
    assert decode.own_exported_slice(raw).service == ServiceKey("shop", "")


@pytest.mark.parametrize(
    "read", [decode.own_exported_service, decode.own_exported_slice, decode.own_imported_slice]
)
def test_what_is_no_object_at_all_is_said_to_be_none(read: Any) -> None:
    with pytest.raises(MalformedObject, match=r"^object\b.* an object"):
        read([])

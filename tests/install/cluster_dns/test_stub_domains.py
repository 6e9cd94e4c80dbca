"""kube-dns's stubDomains get the zone, and lose it again."""

from __future__ import annotations

import json

import pytest

from mcs_controller.install.cluster_dns.errors import ServedAlready, Unreadable
from mcs_controller.install.cluster_dns.stub import Stub
from mcs_controller.install.cluster_dns.stub_domains import with_stub_domain, without_stub_domain

STUB = Stub("clusterset.local", ("10.96.0.53",))
FOUND = {
    "none": "",
    "empty": "{}",
    "empty, two lines": "{\n}\n",
    "one": '{"corp.example" :["10.0.0.1"]}',
    "in lines": '{\n  "corp.example": ["10.0.0.1"],\n  "b": []\n}\n',
}
ALL = pytest.mark.parametrize("before", FOUND.values(), ids=FOUND)


@ALL
def test_the_zone_is_added_and_removed_to_the_byte(before: str) -> None:
    after, inserted = with_stub_domain(before, "", STUB)
    assert json.loads(after) == json.loads(before or "{}") | {"clusterset.local": ["10.96.0.53"]}
    assert without_stub_domain(after, inserted, STUB.zone) == before


@ALL
def test_a_second_time_changes_nothing_and_another_address_replaces(before: str) -> None:
    once = with_stub_domain(before, "", STUB)
    assert with_stub_domain(once.text, once.inserted, STUB) == once
    moved = Stub("clusterset.local", ("10.96.0.54", "fd00::54"))
    assert with_stub_domain(once.text, once.inserted, moved) == with_stub_domain(before, "", moved)


def test_a_value_that_somebody_wrote_anew_loses_the_zone_only() -> None:
    _, inserted = with_stub_domain(FOUND["one"], "", STUB)
    anew = '{"clusterset.local":["10.96.0.53"],"corp.example":["10.0.0.2"]}'
    assert json.loads(without_stub_domain(anew, inserted, STUB.zone)) == {"corp.example": ["10.0.0.2"]}
    assert without_stub_domain('{"clusterset.local":["10.96.0.53"]}', inserted, STUB.zone) == ""
    assert without_stub_domain("", inserted, STUB.zone) == ""


def test_the_zone_of_somebody_else_is_left_and_named() -> None:
    with pytest.raises(ServedAlready, match=r"stubDomains has clusterset\.local already"):
        with_stub_domain('{"ClusterSet.local.": ["10.0.0.1"]}', "", STUB)


@pytest.mark.parametrize("text", ["no JSON", "[]", '{"a": }'])
def test_what_cannot_be_read_is_not_edited(text: str) -> None:
    with pytest.raises(Unreadable, match="nothing was changed"):
        with_stub_domain(text, "", STUB)

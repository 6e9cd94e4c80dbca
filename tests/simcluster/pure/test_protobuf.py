"""Bodies as kubectl 1.36 sent them, and broken ones."""

from __future__ import annotations

import json
import struct
from base64 import b64decode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcs_controller.simcluster.kubectl.protobuf import decode
from mcs_controller.simcluster.status import StatusError
from tests.simcluster.pure.builders import BUSY_MACHINE, Object

NAMESPACE = "azhzAAoPCgJ2MRIJTmFtZXNwYWNlEhwKFAoEc2hvcBIAGgAiACoAMgA4AEIAEgAaAgoAGgAiAA=="
SERVICE = (
    "azhzAAoNCgJ2MRIHU2VydmljZRKNAQojCgN3ZWISABoEc2hvcCIAKgAyADgAQgBaCgoDYXBwEgN3ZWISYgoeCgc4MC1odHRwEgNUQ1AY"
    "UCIKCAEQABoEaHR0cCgAChsKBzkwLTgwOTASA1RDUBhaIgcIABCaPxoAKAASCgoDYXBwEgN3ZWIaACIJQ2x1c3RlcklQOgBCAFIAWgBg"
    "AGgAGgIKABoAIgA="
)


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (NAMESPACE, {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop"}}),
        (
            SERVICE,
            {
                "apiVersion": "v1",
                "kind": "Service",
                "metadata": {"name": "web", "namespace": "shop", "labels": {"app": "web"}},
                "spec": {
                    "type": "ClusterIP",
                    "selector": {"app": "web"},
                    "ports": [
                        {"name": "80-http", "protocol": "TCP", "port": 80, "targetPort": "http"},
                        {"name": "90-8090", "protocol": "TCP", "port": 90, "targetPort": 8090},
                    ],
                },
            },
        ),
    ],
)
def test_what_kubectl_sends_is_what_it_would_have_sent_in_json(body: str, expected: Object) -> None:
    assert decode(b64decode(body)) == expected


def field(number: int, payload: bytes) -> bytes:
    return bytes([number << 3 | 2, len(payload)]) + payload


def envelope(kind: bytes, raw: bytes) -> bytes:
    return b"k8s\x00" + field(1, field(1, b"v1") + field(2, kind)) + field(2, raw)


def test_fields_of_every_wire_type_that_are_not_known_are_skipped() -> None:
    unknown = (
        b"\xf8\x01\x96\x01" + b"\xf9\x01" + struct.pack("<d", 1.0) + b"\xfd\x01" + struct.pack("<f", 1.0)
    )
    body = envelope(b"ConfigMap", unknown + field(2, field(1, b"a") + field(2, b"b")))
    assert decode(body)["data"] == {"a": "b"}


def test_a_false_that_means_something_is_kept() -> None:
    decoded = decode(envelope(b"ConfigMap", field(1, field(1, b"c")) + b"\x20\x00"))
    assert decoded["immutable"] is False
    assert decoded["metadata"] == {"name": "c"}


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"{}", 400),
        (b"k8s\x00\x0a\x7f", 400),
        (b"k8s\x00\xff", 400),
        (b"k8s\x00\x0b", 400),
        (envelope(b"Pod", b""), 415),
        (envelope(b"ConfigMap", field(1, field(1, b"\xff"))), 400),
    ],
)
def test_a_broken_or_unknown_body_is_refused(body: bytes, code: int) -> None:
    with pytest.raises(StatusError) as refusal:
        decode(body)
    assert refusal.value.code == code


def outcome(body: bytes) -> int:
    try:
        json.dumps(decode(body))
    except StatusError as refusal:
        return refusal.code
    return 200


WIRE = st.sampled_from([bytes([number << 3 | wire]) for number in range(1, 6) for wire in range(6)])


@BUSY_MACHINE
@given(st.lists(WIRE | st.binary(max_size=4)).map(b"".join))
def test_no_bytes_break_the_reader(data: bytes) -> None:
    for kind in (b"Service", b"ConfigMap", b"Namespace"):
        assert outcome(envelope(kind, data[:120])) in (200, 400)

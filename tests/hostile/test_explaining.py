"""`explain` and `status` end with a result, whatever the broker, an agent or a DNS server answers."""

from __future__ import annotations

import json
import socket
from typing import Any

import pytest

from mcs_controller.cli.explaining import dns
from mcs_controller.cli.explaining.broker import read_broker
from mcs_controller.cli.explaining.reading import Reading
from mcs_controller.cli.explaining.text import Style, as_text
from mcs_controller.cli.status.places import Broker
from mcs_controller.clusterset.explain.explaining import explain
from mcs_controller.clusterset.explain.picture import InCluster, Picture
from mcs_controller.clusterset.model import ServiceKey
from mcs_controller.clusterset.overview.document import document
from mcs_controller.clusterset.overview.exposition import read_samples
from mcs_controller.clusterset.overview.figures import Reading as Figures
from mcs_controller.clusterset.overview.figures import agent_seen
from mcs_controller.clusterset.overview.model import ClusterSeen, Overview, Unknown
from mcs_controller.clusterset.overview.text import screen
from mcs_controller.kube.client import Client
from mcs_controller.kube.connection.transport import Response
from mcs_controller.observe.listening import ListenAddress
from tests.kube.fakes import ScriptedTransport

KEY = ServiceKey("shop", "web")
EVIL = "\x1b[2J\u202e"
LIST = {"metadata": {"resourceVersion": "1"}}
EAST = {"name": "east", "namespace": "mcs-member-east", "resourceVersion": "1"}
GARBAGE = [
    {"metadata": None, "items": None, "status": None},
    {**LIST, "items": [1, None, {"metadata": {"name": 7, "namespace": []}}, {"metadata": None}]},
    {**LIST, "items": [{"metadata": "x"}, {"metadata": 5, "spec": EVIL}]},
    {**LIST, "items": [{"metadata": EAST, "spec": 3, "status": EVIL}]},
    {**LIST, "items": [{"metadata": EAST, "spec": {"namespaces": 1}, "status": {"conditions": [5]}}]},
    {**LIST, "items": [{"metadata": EAST, "spec": {"serviceName": EVIL}, "status": {"version": EVIL}}]},
    {**LIST, "items": [{"metadata": EAST, "spec": {"serviceName": "\ud800"}}]},
]


def answering(answer: dict[str, Any]) -> Client:
    return Client(
        ScriptedTransport(lambda request: Response(200, {}, json.dumps(answer).encode())), name="broker"
    )


@pytest.mark.parametrize("answer", GARBAGE, ids=ascii)
async def test_whatever_a_broker_answers_explain_says_something(answer: dict[str, Any]) -> None:
    reading = Reading(answering(answer), "on the broker")
    on_broker = await read_broker(reading, KEY)
    found = explain(Picture(KEY, 0.0, broker=on_broker, unknown=reading.unknown))
    text = "\n".join(as_text(found, Style()))
    assert "shop/web" in text
    assert text.replace("\n", "").isprintable()


@pytest.mark.parametrize("answer", GARBAGE, ids=ascii)
async def test_whatever_a_broker_answers_status_says_something(answer: dict[str, Any]) -> None:
    async def connect() -> Client:
        return answering(answer)

    broker = Broker(connect, 5.0)
    await broker.read()
    seen = broker.view()
    lines = screen(Overview("", seen, (), 60.0), width=100, height=None)
    assert len(lines) > 1
    assert all(line.text.isprintable() for line in lines)


@pytest.mark.parametrize("value", ["NaN", "+Inf", "-Inf", "1e308", "9" * 400])
def test_no_number_of_an_agent_s_metrics_makes_the_result_unreadable(value: str) -> None:
    text = f"""
mcs_export_to_import_seconds_bucket{{le="1"}} {value}
mcs_export_to_import_seconds_bucket{{le="NaN"}} 5
mcs_export_to_import_seconds_bucket{{le="+Inf"}} {value}
mcs_member_heartbeat_age_seconds{{member="west"}} {value}
mcs_dns_requests_total {value}
"""
    agent = agent_seen([[Figures(0.0, ()), Figures(1.0, read_samples(text))]])
    nothing = Unknown("not asked")
    here = ClusterSeen("east", "east", "", nothing, nothing, nothing, agent, nothing)
    written = json.dumps(document(Overview("", nothing, (here,), 60.0)), allow_nan=False)
    assert "east" in written


async def test_dns_answers_that_are_slow_to_read_end_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dns, "ALL_WITHIN_SECONDS", 0.05)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
        silent.bind(("127.0.0.1", 0))
        found = await dns.ask_dns(
            Reading(answering(LIST), "here"),
            InCluster("west"),
            KEY,
            server=ListenAddress("127.0.0.1", silent.getsockname()[1]),
            service=KEY,
            zone="clusterset.local",
        )
    assert found.problem == "its answers took longer than 0.05 s in all"

"""What an API server answers may be anything: `check` says what it could not read, and ends."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from mcs_controller.install.checks.facts import CheckConfig
from mcs_controller.install.checks.judging import judge
from mcs_controller.install.checks.reading_broker import read_broker
from mcs_controller.kube.client import Client
from mcs_controller.kube.clock import SystemClock
from mcs_controller.kube.connection.transport import Response
from tests.install.checks.healthy import FACTS
from tests.kube.fakes import ScriptedTransport

EVIL = "\x1b[2J"
LIST = {"metadata": {"resourceVersion": "1"}}


@pytest.mark.parametrize(
    "answer",
    [
        {"metadata": None, "items": None, "status": None},
        {"metadata": {}, "resources": [None, "x"], "spec": [], "status": "x"},
        {"metadata": {"labels": ["x"]}, "resources": [{"name": EVIL}], "spec": {"group": EVIL}},
        {"metadata": {"labels": {}}, "spec": {"group": "example.com", "versions": [None]}},
        {
            "metadata": {},
            "spec": {"group": "example.com", "versions": [{"name": "v1"}]},
            "status": {"conditions": [5]},
        },
        {**LIST, "items": [1, None, {"metadata": {"name": 7, "namespace": []}}, {"metadata": None}]},
        {
            **LIST,
            "items": [
                {"metadata": {"name": "east", "namespace": "mcs-member-east"}, "spec": 3, "status": EVIL}
            ],
        },
    ],
    ids=str,
)
async def test_whatever_a_broker_answers_each_check_says_something(answer: dict[str, Any]) -> None:
    client = Client(
        ScriptedTransport(lambda request: Response(200, {}, json.dumps(answer).encode())), name=""
    )
    facts = await read_broker(client, client, "east", CheckConfig(), SystemClock())
    findings = judge(replace(FACTS, broker=replace(facts, reached=FACTS.broker.reached)))
    assert all(one.outcome.evidence for one in findings)
    (kinds,) = (one.outcome for one in findings if one.id == "MCS-CHK-07")
    assert kinds.result != "ok"

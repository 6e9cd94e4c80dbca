"""The same recorder against a real kube-apiserver, which validates every field of an Event."""

import json
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from mcs_controller.kube.client import Client
from mcs_controller.kube.clock import SystemClock
from mcs_controller.kube.connection.config import load_kubeconfig
from mcs_controller.kube.events.recorder import EventRecorder
from mcs_controller.kube.events.sink import ObjectRef
from tests.realkube.controlplane import ControlPlane


@pytest.mark.requirement("MCS-EXP-14")
async def test_a_real_api_server_takes_an_event_and_its_series(
    real_cluster: ControlPlane, real_namespace: str
) -> None:
    client = Client(load_kubeconfig(real_cluster.kubeconfig()), name="local")
    registry = CollectorRegistry()
    recorder = EventRecorder(
        client,
        component="mcs-controller.io/agent",
        instance="agent-0",
        clock=SystemClock(),
        registry=registry,
    )
    export = ObjectRef("multicluster.x-k8s.io/v1beta1", "ServiceExport", real_namespace, "web", "a-uid")
    try:
        recorder.event(export, "Warning", "PortConflict", "ü" * 2000)
        await recorder.write_next()
        (created,) = await events_of(real_cluster, real_namespace)
        recorder._spacing_over(next(iter(recorder._series.values())))
        recorder.event(export, "Warning", "PortConflict", "ü" * 2000)
        await recorder.write_next()
        (continued,) = await events_of(real_cluster, real_namespace)
    finally:
        await client.close()
    assert created["reason"] == "PortConflict"
    assert created["note"].endswith("…")
    assert created["regarding"]["uid"] == "a-uid"
    assert created.get("series") is None
    assert continued["metadata"]["uid"] == created["metadata"]["uid"]
    assert continued["series"]["count"] == 2
    shown = (await real_cluster.kubectl("get", "events", "-n", real_namespace)).stdout
    assert "PortConflict" in shown
    assert "serviceexport/web" in shown
    for reason in ("queue_full", "refused", "unreachable"):
        assert registry.get_sample_value("mcs_events_dropped_total", {"reason": reason}) == 0


async def events_of(cluster: ControlPlane, namespace: str) -> list[dict[str, Any]]:
    listed = await cluster.kubectl("get", "events.v1.events.k8s.io", "-n", namespace, "-o", "json")
    items: list[dict[str, Any]] = json.loads(listed.stdout)["items"]
    return items

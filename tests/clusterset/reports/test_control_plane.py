"""How a control plane is, from what its API server and its Leases say."""

from __future__ import annotations

from typing import Any

import pytest

from mcs_controller.clusterset.errors import MalformedObject
from mcs_controller.clusterset.reports.control_plane import (
    MESSAGE_MAX_CHARS,
    ApiServer,
    Component,
    ControlPlane,
    carried_over,
    decode_lease,
    judge,
    unchanged,
    version_of,
)

READY = ApiServer("ready")
VERBOSE = """[+]ping ok
[-]etcd failed: reason withheld
[+]poststarthook/start-apiextensions-informers ok
[-]informer-sync failed: reason withheld
readyz check failed
"""


def component(unchanged_seconds: float, name: str = "kube-scheduler") -> Component:
    return Component(name, unchanged_seconds, 60.0)


def lease(renewed: str = "2026-01-01T00:00:00.000000Z", **spec: Any) -> dict[str, Any]:
    return {
        "metadata": {"uid": "a-uid"},
        "spec": {"holderIdentity": "node-1", "renewTime": renewed, "leaseDurationSeconds": 15, **spec},
    }


@pytest.mark.requirement("CP-12")
@pytest.mark.parametrize(
    ("api_server", "components", "status", "reason", "told"),
    [
        (READY, [], "True", "Healthy", "no Lease says how its controllers are"),
        (READY, [component(59.9)], "True", "Healthy", "Leases are renewed: kube-scheduler"),
        (READY, [component(60.0)], "False", "ComponentSilent", "kube-scheduler (for 60 s)"),
        (
            READY,
            [component(1.0), component(99.0, "kube-controller-manager")],
            "False",
            "ComponentSilent",
            "any more: kube-controller-manager (for 60 s)",
        ),
        (ApiServer("no answer", "refused"), [], "False", "ApiServerUnreachable", "server: refused"),
        (ApiServer("not ready", VERBOSE), [], "False", "ApiServerNotReady", "ready: etcd, informer-sync"),
        (ApiServer("not ready", "503 no"), [], "False", "ApiServerNotReady", "not ready: 503 no"),
        # What works is not called healthy by somebody who may not ask, what fails is called so.
        (ApiServer("refused", "no"), [component(1.0)], "Unknown", "NotAllowed", "may not ask /readyz: no"),
        (ApiServer("refused", "no"), [component(61.0)], "False", "ComponentSilent", "kube-scheduler"),
    ],
)
def test_each_part_that_does_not_work_is_named(
    api_server: ApiServer, components: list[Component], status: str, reason: str, told: str
) -> None:
    found = judge(api_server, components)
    assert (found.status, found.reason) == (status, reason)
    assert told in found.message


def test_texts_of_the_api_server_are_bounded_and_shown_by_any_terminal() -> None:
    found = judge(ApiServer("not ready", "\x1b[31mé\n" + "x" * 10_000), [])
    assert len(found.message) == MESSAGE_MAX_CHARS
    assert found.message[:-1].isascii()
    assert found.message.isprintable()
    many = judge(ApiServer("not ready", "".join(f"[-]check-{n} failed: x\n" for n in range(100))), [])
    assert many.message.endswith("check-7 and more")


@pytest.mark.parametrize(
    ("seconds", "stale_after_seconds"),
    [(15, 60.0), (137, 411.0), (10**9, 1800.0), (0, 60.0), (-1, 60.0), (None, 60.0)],
)
def test_a_lease_is_stale_after_a_minute_or_three_of_its_durations(
    seconds: int | None, stale_after_seconds: float
) -> None:
    assert decode_lease(lease(leaseDurationSeconds=seconds)).stale_after_seconds == stale_after_seconds


SILENT = judge(READY, [component(60.0)])
HEALTHY = judge(READY, [component(1.0)])
DOWN = judge(ApiServer("no answer", "refused"), [])


@pytest.mark.parametrize(
    ("found", "told", "proven", "wanted"),
    [
        (HEALTHY, SILENT, False, SILENT),
        (HEALTHY, SILENT, True, HEALTHY),
        (HEALTHY, DOWN, False, HEALTHY),
        (HEALTHY, None, False, HEALTHY),
        (DOWN, SILENT, False, DOWN),
        (SILENT, HEALTHY, False, SILENT),
    ],
)
def test_who_has_just_begun_to_lead_takes_back_no_silence_before_a_lease_changes(
    found: ControlPlane, told: ControlPlane | None, proven: bool, wanted: ControlPlane
) -> None:
    assert carried_over(found, told, proven=proven) == wanted


def test_a_lease_that_is_no_lease_is_an_error() -> None:
    with pytest.raises(MalformedObject):
        decode_lease(lease(leaseDurationSeconds="15"))


def test_how_long_a_lease_is_unchanged_begins_with_what_is_seen_and_not_with_what_it_says() -> None:
    old = decode_lease(lease("2001-01-01T00:00:00.000000Z"))
    seen = unchanged({}, {"kube-scheduler": old}, 100.0)
    seen = unchanged(seen, {"kube-scheduler": old}, 130.0)
    assert seen["kube-scheduler"][1] == 100.0
    for other in (lease("2001-01-01T00:00:02.000000Z"), lease(holderIdentity="node-2")):
        assert unchanged(seen, {"kube-scheduler": decode_lease(other)}, 140.0)["kube-scheduler"][1] == 140.0
    assert unchanged(seen, {}, 150.0) == {}


@pytest.mark.requirement("CP-16")
@pytest.mark.parametrize(
    ("said", "version"),
    [("v1.36.4+k3s1", "v1.36.4+k3s1"), ("x" * 65, ""), ("v1\n", ""), (5, ""), (None, "")],
)
def test_the_version_is_the_servers_own_word_or_none(said: object, version: str) -> None:
    assert version_of({"gitVersion": said}) == version

"""Which endpoints were left out here, when traffic goes back, and what a headless service is told."""

import pytest

from mcs_controller.clusterset.model import Endpoint
from mcs_controller.clusterset.services.locality import (
    ELSEWHERE,
    OWN,
    Reach,
    brought_in,
    condition,
    is_left_out,
    step,
)
from mcs_controller.clusterset.services.preference import Preference


@pytest.mark.parametrize(
    ("ready", "serving", "terminating", "is_ours"),
    [
        (False, True, None, True),
        (False, True, False, True),
        # Its pod is being deleted: to bring it in would send clients to one that goes.
        (False, True, True, False),
        (False, False, None, False),
        (False, None, None, False),
        (True, True, None, False),
        (None, None, None, False),
    ],
)
def test_only_what_could_serve_is_brought_in_again(
    ready: bool | None, serving: bool | None, terminating: bool | None, is_ours: bool
) -> None:
    endpoint = Endpoint(("10.0.0.1",), ready=ready, serving=serving, terminating=terminating)
    assert is_left_out(endpoint) is is_ours
    assert (brought_in(endpoint) != endpoint) is is_ours


@pytest.mark.parametrize(("seconds", "goes_back"), [(29.9, False), (30.0, True), (31.0, True)])
def test_traffic_goes_back_once_nearer_ones_were_enough_for_the_time(seconds: float, goes_back: bool) -> None:
    begun = step(Reach(ELSEWHERE), OWN, 100.0, 30.0)
    assert begun == Reach(ELSEWHERE, 100.0)
    assert step(begun, OWN, 100.0 + seconds, 30.0) == (Reach(OWN) if goes_back else begun)


@pytest.mark.parametrize(("clusters", "is_said"), [(["far", "own"], True), (["own"], False)])
def test_host_names_are_spoken_of_where_something_is_left_out(clusters: list[str], is_said: bool) -> None:
    said = condition(
        Preference("cluster"),
        {"IPv4": Reach(OWN)},
        {"own": OWN},
        clusters,
        return_seconds=30.0,
        is_headless=True,
    )
    assert ("host name" in said.message) is is_said

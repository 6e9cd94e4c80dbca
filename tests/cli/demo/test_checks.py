"""Waiting for the world to be as expected, in virtual time."""

import asyncio

import pytest

from mcs_controller.cli.demo.checks import LOOK_SECONDS, Metrics, NotAsExpected, Resolved, becomes, eventually
from mcs_controller.dnscheck.client import QueryFailed

pytestmark = pytest.mark.looptime


async def test_what_holds_already_is_returned_at_once() -> None:
    async def look() -> int:
        return 3

    assert await eventually("it is odd", look, lambda seen: seen % 2 == 1) == 3
    assert asyncio.get_running_loop().time() == 0


async def test_what_comes_later_is_waited_for() -> None:
    async def look() -> bool:
        return asyncio.get_running_loop().time() >= 3

    await becomes("it", look, True)
    assert asyncio.get_running_loop().time() == pytest.approx(3, abs=0.1)


async def test_what_never_comes_is_told_with_what_was_seen_last() -> None:
    async def look() -> Resolved:
        return Resolved("NOERROR", ("10.0.0.1",))

    with pytest.raises(NotAsExpected) as caught:
        await becomes("web in west", look, Resolved("NXDOMAIN"), within_seconds=5)
    assert caught.value.expected == "web in west is NXDOMAIN"
    assert caught.value.last_seen == "NOERROR 10.0.0.1"
    assert asyncio.get_running_loop().time() == pytest.approx(5, abs=0.1)


async def test_a_failed_look_is_tried_again_and_told_when_it_was_the_last() -> None:
    async def look() -> bool:
        if asyncio.get_running_loop().time() < 1:
            raise QueryFailed("nobody answers")
        return True

    await becomes("it", look, True)
    with pytest.raises(NotAsExpected, match="last seen: QueryFailed: nobody answers"):
        await becomes("it", _always_fails, True, within_seconds=1)


async def _always_fails() -> bool:
    raise QueryFailed("nobody answers")


async def test_a_look_that_hangs_does_not_outlive_the_deadline() -> None:
    async def look() -> bool:
        await asyncio.sleep(3600)
        return True

    with pytest.raises(NotAsExpected, match="last seen: no answer within 3 s"):
        await becomes("it", look, True, within_seconds=1)
    assert asyncio.get_running_loop().time() <= 1 + LOOK_SECONDS


async def test_samples_of_a_scrape_are_summed_over_the_labels_that_are_left_out() -> None:
    metrics = Metrics(
        "# TYPE mcs_dns_requests counter\n"
        'mcs_dns_requests_total{proto="udp",rcode="NOERROR"} 3\n'
        'mcs_dns_requests_total{proto="udp",rcode="NXDOMAIN"} 1\n'
        'mcs_dns_requests_total{proto="tcp",rcode="NOERROR"} 5\n'
    )
    assert metrics.value("mcs_dns_requests_total", proto="udp") == 4
    assert metrics.value("mcs_dns_requests_total") == 9
    assert metrics.value("mcs_other") == 0

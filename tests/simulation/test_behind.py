"""What a DNS server may say while it cannot follow its API server, and what not even then."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from random import Random

import pytest

from mcs_controller.clusterset.model import ServiceKey
from mcs_controller.kube.reflector import LONGEST_RETRY_SECONDS
from mcs_controller.simcluster.faults import Fault, Faults
from tests.simulation.behind import Behind, keeps_dns_behind
from tests.simulation.moments import Moments
from tests.simulation.plan import Layout
from tests.simulation.rules import IMPORTS
from tests.simulation.servers import Servers
from tests.simulation.story import NAMESPACE, Story
from tests.simulation.world import World
from tests.support.objects import HTTP, body
from tests.support.observer.expected import Expected
from tests.support.observer.showing import DNS_LAG_SECONDS
from tests.support.virtual_loop import run_virtually

SMALL = Layout(("east", "west", "north"), {})
WEB = ServiceKey(NAMESPACE, "web")
OLD_IP, IP, NEVER_ITS_IP = "10.97.0.4", "10.97.0.5", "10.97.0.6"
STALLED = "the API server of west for ['agent', 'dns']: watches stall ('serviceimports',) for 20 s"
STALLED_SEED = 610


class Told:
    """East exports shop/web; in west, which tests write and answer for, it has had `OLD_IP`, and has `IP`."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.story = Story(world, Expected())
        self.moments = Moments(self.story)
        self.says = self.moments.listener("west")

    async def begin(self) -> None:
        await self.world.clusterset.everywhere(NAMESPACE)
        self.story.expected.namespace("west", NAMESPACE)
        await self._export(OLD_IP)
        self.is_said_to_have(OLD_IP)
        await asyncio.sleep(10.0)

    async def is_exported_anew(self) -> None:
        self.story.expected.unexported("east", str(WEB))
        await self.world["west"].api.delete(IMPORTS, WEB.name, namespace=NAMESPACE)
        await self._export(IP)
        await asyncio.sleep(2 * DNS_LAG_SECONDS)

    async def _export(self, ip: str) -> None:
        self.story.expected.exported("east", str(WEB), [])
        spec = {"type": "ClusterSetIP", "ports": [HTTP], "ips": [ip]}
        await self.world["west"].api.create(IMPORTS, body(IMPORTS, WEB.name, NAMESPACE, spec=spec))

    def is_said_to_have(self, *ips: str) -> None:
        self.says(WEB, frozenset(ips))
        self.moments.judge()

    def faults(self) -> list[str]:
        self.moments.judge()
        return [f"{one.invariant}: {one.text}" for one in self.story.faults]


def telling(tell: Callable[[Told], Coroutine[None, None, None]]) -> None:
    async def story() -> None:
        async with World(SMALL, 1) as world:
            told = Told(world)
            await told.begin()
            await tell(told)

    run_virtually(story())


def wrong(said: str) -> list[str]:
    return [f"I-DNS: west: {WEB} is said to have {said}, has {IP}"]


def test_who_cannot_follow_may_say_what_was_so_before_until_the_next_try() -> None:
    async def tell(told: Told) -> None:
        with told.story.dns.cannot_follow("west"):
            await told.is_exported_anew()
            told.is_said_to_have(OLD_IP)
            await asyncio.sleep(60.0)
        await asyncio.sleep(LONGEST_RETRY_SECONDS - 0.1)
        assert told.faults() == []
        told.is_said_to_have(IP)
        await asyncio.sleep(1.0)
        assert told.faults() == []
        told.is_said_to_have(OLD_IP)
        assert told.faults() == wrong(OLD_IP)

    telling(tell)


def test_who_still_says_it_after_the_next_try_is_wrong() -> None:
    async def tell(told: Told) -> None:
        with told.story.dns.cannot_follow("west"):
            await told.is_exported_anew()
            told.is_said_to_have(OLD_IP)
        await asyncio.sleep(LONGEST_RETRY_SECONDS + 0.1)
        assert told.faults() == wrong(OLD_IP)

    telling(tell)


def test_who_said_it_while_it_could_follow_is_wrong() -> None:
    async def tell(told: Told) -> None:
        await told.is_exported_anew()
        told.says(WEB, frozenset({OLD_IP}))
        await asyncio.sleep(0.1)
        with told.story.dns.cannot_follow("west"):
            assert told.faults() == wrong(OLD_IP)

    telling(tell)


@pytest.mark.parametrize(
    ("ips", "said"), [((NEVER_ITS_IP,), NEVER_ITS_IP), ((OLD_IP, NEVER_ITS_IP), f"{OLD_IP}, {NEVER_ITS_IP}")]
)
def test_nobody_may_say_what_never_was_so(ips: tuple[str, ...], said: str) -> None:
    async def tell(told: Told) -> None:
        with told.story.dns.cannot_follow("west"):
            await told.is_exported_anew()
            told.is_said_to_have(*ips)
            assert told.faults() == wrong(said)

    telling(tell)


def test_nobody_may_forget_a_name() -> None:
    async def tell(told: Told) -> None:
        await told.is_exported_anew()
        told.is_said_to_have(IP)
        with told.story.dns.cannot_follow("west"):
            told.is_said_to_have()
            assert told.faults() == wrong("nothing")

    telling(tell)


def test_that_one_cannot_follow_excuses_no_other() -> None:
    async def tell(told: Told) -> None:
        with told.story.dns.cannot_follow("north"):
            await told.is_exported_anew()
            told.is_said_to_have(OLD_IP)
            assert told.faults() == wrong(OLD_IP)

    telling(tell)


def test_times_that_follow_each_other_without_a_gap_count_as_one() -> None:
    async def story() -> None:
        behind = Behind()
        pause_seconds = LONGEST_RETRY_SECONDS - 1.0
        for _ in range(2):
            with behind.cannot_follow("west"):
                await asyncio.sleep(20.0)
            await asyncio.sleep(pause_seconds)
        until_seconds = 2 * 20.0 + pause_seconds + LONGEST_RETRY_SECONDS
        assert behind.may_be("west", 5.0, until_seconds)
        assert not behind.may_be("west", 5.0, until_seconds + 0.1)

    run_virtually(story())


def test_the_end_of_one_time_does_not_end_another_that_goes_on() -> None:
    async def story() -> None:
        behind = Behind()
        with behind.cannot_follow("west"):
            with behind.cannot_follow("west"):
                await asyncio.sleep(1.0)
            await asyncio.sleep(100.0)
            assert behind.may_be("west", 0.5, 101.0)

    run_virtually(story())


def test_a_gap_between_two_times_is_no_excuse() -> None:
    async def story() -> None:
        behind = Behind()
        with behind.cannot_follow("west"):
            await asyncio.sleep(1.0)
        gap_seconds = 1.0 + LONGEST_RETRY_SECONDS + 1.0
        await asyncio.sleep(LONGEST_RETRY_SECONDS + 2.0)
        with behind.cannot_follow("west"):
            await asyncio.sleep(1.0)
            assert not behind.may_be("west", 0.5, gap_seconds + 1.5)
            assert not behind.may_be("west", gap_seconds, gap_seconds)

    run_virtually(story())


def test_a_watch_that_stalls_keeps_the_dns_server_behind() -> None:
    async def tell(told: Told) -> None:
        servers = Servers(told.story)
        stalled = asyncio.create_task(servers.stall(Random(STALLED_SEED)))
        await asyncio.sleep(1.0)
        assert STALLED in told.story.lines[-1]
        await told.is_exported_anew()
        told.is_said_to_have(OLD_IP)
        await stalled
        told.is_said_to_have(IP)
        assert told.faults() == []

    telling(tell)


KINDS = ["serviceimports"]


@pytest.mark.parametrize(
    ("strike", "behind"),
    [
        (lambda faults: faults.refuse_connections(users=["agent", "dns"]), True),
        (lambda faults: faults.refuse_connections(users=["agent"]), False),
        (lambda faults: faults.stall_watches(users=["agent", "dns"], resources=KINDS), True),
        (lambda faults: faults.stall_watches(users=["agent", "dns"], resources=["serviceexports"]), False),
        (lambda faults: faults.fail(503, users=["agent", "dns"]), True),
        (lambda faults: faults.fail(409, users=["agent", "dns"], verbs=["create", "update"]), False),
    ],
)
def test_only_what_strikes_its_reads_keeps_a_dns_server_behind(
    strike: Callable[[Faults], Fault], behind: bool
) -> None:
    assert keeps_dns_behind(strike(Faults(Random(1), lambda: None))) is behind

"""Asks a DNS server about one service: are the answers those that the cluster's objects ask for?"""

import asyncio
from collections.abc import Sequence
from ipaddress import ip_address
from random import SystemRandom
from typing import Final

from mcs_controller.api.resources import SERVICES
from mcs_controller.cli.explaining.reading import Reading, Unread
from mcs_controller.clusterset.explain.picture import DnsAnswer, DnsPicture, InCluster
from mcs_controller.clusterset.fields import child
from mcs_controller.clusterset.model import ServiceKey
from mcs_controller.dns.zone.lookup import Zone
from mcs_controller.dnscheck.check import Checker
from mcs_controller.dnscheck.client import QueryFailed
from mcs_controller.dnscheck.expected import Expectation, expected_answers
from mcs_controller.observe.listening import ListenAddress

QUESTIONS_MAX: Final = 40
"""A headless service has a name for each endpoint: the first of them are enough to see."""
ANSWER_WITHIN_SECONDS: Final = 1.5
ALL_WITHIN_SECONDS: Final = 20.0
"""Reading an answer that is made to be slow to read takes seconds, and no time-out ends that."""
_DNS_PORT: Final = 53
_SHOWN: Final = 4


async def ask_dns(
    reading: Reading,
    here: InCluster,
    key: ServiceKey,
    *,
    server: ListenAddress | None,
    service: ServiceKey,
    zone: str,
) -> DnsPicture:
    """Ask `server`, or without it the cluster IP of `service`."""
    name = f"{key.name}.{key.namespace}.svc.{Zone(zone).name}"
    if server is None:
        found = await _address_of(reading, service)
        if found is None or isinstance(found, Unread):
            has = f"this cluster has no Service {service} with a cluster IP"
            problem = has if found is None else f"Service {service} could not be read"
            return DnsPicture("", problem=f"{problem}: nothing says where its DNS server is")
        address = (found, _DNS_PORT)
    else:
        address = (server.host, server.port)
    expectations = _expectations(here, name, Zone(zone).name)
    try:
        async with asyncio.timeout(ALL_WITHIN_SECONDS):
            return DnsPicture(_text(address), await _answers(address, expectations))
    except TimeoutError:
        late = f"its answers took longer than {ALL_WITHIN_SECONDS:g} s in all"
        return DnsPicture(_text(address), problem=late)
    except QueryFailed as error:
        return DnsPicture(_text(address), problem=str(error))


async def _answers(address: tuple[str, int], expectations: Sequence[Expectation]) -> tuple[DnsAnswer, ...]:
    checker = Checker(address, random=SystemRandom(), timeout_seconds=ANSWER_WITHIN_SECONDS)
    differences = {(one.name, one.type): one for one in await checker.check(expectations)}
    return tuple(
        DnsAnswer(
            one.name,
            one.type,
            said=difference.found if difference is not None else _should(one),
            should=difference.expected if difference is not None else _should(one),
            right=difference is None,
        )
        for one in expectations
        for difference in (differences.get((one.name, one.type)),)
    )


def _expectations(here: InCluster, name: str, zone: str) -> list[Expectation]:
    if here.imported is None:
        return [Expectation(name, "A", "no such name", "MCS-DNS table")]
    expected = expected_answers(here.imported, here.imported_slices, zone)
    # Whether a name below the service exists is left to the server: nothing to say about it.
    return [one for one in expected if one.outcome != "no records"][:QUESTIONS_MAX]


async def _address_of(reading: Reading, service: ServiceKey) -> str | Unread | None:
    body = await reading.one(f"Service {service}", SERVICES, service.name, service.namespace)
    if isinstance(body, Unread):
        return body
    try:
        return str(ip_address(str(child(body or {}, "spec").get("clusterIP"))))
    except ValueError:
        return None


def _should(expectation: Expectation) -> str:
    if expectation.outcome != "records":
        return expectation.outcome
    data = sorted(expectation.data)
    left = len(data) - _SHOWN
    return ", ".join(data[:_SHOWN]) + (f" and {left} more" if left > 0 else "")


def _text(address: tuple[str, int]) -> str:
    return str(ListenAddress(*address))

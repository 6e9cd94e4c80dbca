"""What DNS servers answer when `mcs-controller check` asks them, as facts for its checks.

A server is asked one question first: if no answer comes, it is not asked the others.
"""

import asyncio
from collections.abc import Sequence
from random import Random
from typing import Final

from mcs_controller.cli.dns_check import expectations_of
from mcs_controller.dns.errors import DnsError
from mcs_controller.dns.zone.lookup import Zone
from mcs_controller.dnscheck.check import Checker, Difference, found_data, is_part
from mcs_controller.dnscheck.client import Answer, QueryFailed, query
from mcs_controller.dnscheck.expected import Expectation
from mcs_controller.install.checks.dns import DNS_PORT, service_addresses
from mcs_controller.install.checks.facts import Answers, CheckConfig, ClusterFacts, DnsFacts, Silent
from mcs_controller.install.checks.model import Unknown
from mcs_controller.install.checks.reading import known
from mcs_controller.kube.client import Client
from mcs_controller.observe.listening import ListenAddress

UDP_QUESTIONS_MAX: Final = 5000
TCP_QUESTIONS_MAX: Final = 500
"""Each has a connection of its own."""
WITHIN_SECONDS: Final = 30.0
_TRIES: Final = 2
_TIMEOUT_SECONDS: Final = 1.5

Address = tuple[str, int]


async def ask_dns(client: Client, config: CheckConfig, cluster: ClusterFacts, random: Random) -> DnsFacts:
    """What our DNS servers and the cluster's own DNS answer."""
    zone = Zone(config.zone).name
    expectations = await known(expectations_of(client, zone, random))
    if isinstance(expectations, Unknown):
        return DnsFacts(udp=expectations, tcp=expectations, through=expectations)
    server = _address(config.dns_server, service_addresses(cluster.dns_service))
    cluster_dns = _address(config.cluster_dns, service_addresses(cluster.cluster_dns_service))
    async with asyncio.TaskGroup() as group:
        udp = group.create_task(_answers(server, zone, expectations[:UDP_QUESTIONS_MAX], random, tcp=False))
        tcp = group.create_task(_answers(server, zone, expectations[:TCP_QUESTIONS_MAX], random, tcp=True))
        through = group.create_task(_through(cluster_dns, expectations, random))
    return DnsFacts(
        _shown(server),
        udp.result(),
        tcp.result(),
        _shown(cluster_dns),
        through.result(),
    )


def _address(named: str, of_service: Sequence[str]) -> Address | None:
    if named:
        address = ListenAddress.parse(named)
        return address.host, address.port
    return (of_service[0], DNS_PORT) if of_service else None


def _shown(address: Address | None) -> str:
    return "" if address is None else str(ListenAddress(*address))


async def _answers(
    server: Address | None, zone: str, expectations: Sequence[Expectation], random: Random, *, tcp: bool
) -> Answers | Silent | Unknown:
    if server is None:
        return Unknown("there is no address of our DNS servers to ask: see MCS-CHK-18, or give --dns-server")
    silent = await _silent(server, zone, random, tcp=tcp)
    if silent is not None:
        return silent
    try:
        async with asyncio.timeout(WITHIN_SECONDS):
            differences = await Checker(server, random=random, tcp=tcp).check(expectations)
    except DnsError as error:
        return Silent(str(error))
    except TimeoutError:
        return Unknown(f"{len(expectations)} questions take over {WITHIN_SECONDS:g} s: use `dns check`")
    return Answers(len(expectations), {(one.name, one.type): _text(one) for one in differences})


async def _silent(server: Address, zone: str, random: Random, *, tcp: bool) -> Silent | None:
    """Why the server is not asked more: it gives no answer, or somebody else answers at its address."""
    name = f"dns-version.{zone}"
    answer = await _asked(server, name, "TXT", random, tcp=tcp)
    if isinstance(answer, Silent):
        return answer
    if not answer.data("TXT"):
        return Silent(f"it does not answer for the zone: {name} is {answer.rcode}")
    return None


async def _asked(
    server: Address, name: str, rtype: str, random: Random, *, tcp: bool = False, recurse: bool = False
) -> Answer | Silent:
    told = ""
    for _ in range(_TRIES):
        try:
            return await query(
                server,
                name,
                rtype,
                tcp=tcp,
                recurse=recurse,
                timeout_seconds=_TIMEOUT_SECONDS,
                random=random,
            )
        except QueryFailed as error:
            told = str(error)
    return Silent(told)


async def _through(
    cluster_dns: Address | None, expectations: Sequence[Expectation], random: Random
) -> Answers | Silent | Unknown:
    """The zone's own record, and an address of one service: other flags and sections are its own business."""
    if cluster_dns is None:
        return Unknown("the cluster's own DNS has no Service that is known: give --cluster-dns")
    having = [one for one in expectations if one.outcome == "records"]
    asked = [one for one in having if one.type == "TXT"][:1]
    asked += [one for one in having if one.type in ("A", "AAAA")][:1]
    differences = {}
    for one in asked:
        answer = await _asked(cluster_dns, one.name, one.type, random, recurse=True)
        if isinstance(answer, Silent):
            return answer
        found = found_data(one.type, answer)
        if set(found) != one.data and not is_part(one, found):
            said = ", ".join(sorted(found)[:3]) or answer.rcode
            wanted = ", ".join(sorted(one.data)[:3])
            differences[one.name, one.type] = f"{one.name} {one.type} is {wanted}, not {said}"
    return Answers(len(asked), differences)


def _text(difference: Difference) -> str:
    return f"{difference.name} {difference.type}: expected {difference.expected}, found {difference.found}"

"""What an operator can set of a DNS server, each with its option. Its worker processes have the same."""

import ipaddress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Final

from mcs_controller.dns.errors import ZoneNameError
from mcs_controller.dns.server.sockets import DnsAddress
from mcs_controller.dns.server.tcp import TcpLimits
from mcs_controller.dns.wire.encoding import origin_name
from mcs_controller.observe.listening import ListenAddress
from mcs_controller.observe.service_metrics import SERVICE_METRICS_MAX
from mcs_controller.options import Option, count_or_0_up_to, count_up_to, switch

DEFAULT_ZONE: Final = "clusterset.local"

WORKERS_MAX: Final = 64
"""Each is a process with the sockets of all and a copy of the zone; no more than cores make sense."""


def zone_name(text: str) -> str:
    """A DNS name. Raises ValueError with what would be right."""
    try:
        origin_name(text)
    except ZoneNameError as error:
        raise ValueError(str(error)) from error
    return text


def dns_address(text: str) -> DnsAddress:
    """`ADDRESS:PORT`. Raises ValueError: DNS is what resolves names, so it cannot listen on one."""
    address = ListenAddress.parse(text)
    try:
        return str(ipaddress.ip_address(address.host)) if address.host else "", address.port
    except ValueError as error:
        raise ValueError(f"{address.host!r} is not an IP address of this machine") from error


def _as_text(addresses: Any) -> str:
    return ",".join(str(ListenAddress(*address)) for address in addresses)


@dataclass(frozen=True, slots=True)
class DnsConfig:
    """What a DNS server needs to know.

    `listen` may have port 0, then both protocols get the same port. `udp_payload_limit_bytes` bounds replies
    over UDP, whatever a client says that it takes.
    """

    zone: Annotated[str, Option("the zone that is answered for", parse=zone_name)] = DEFAULT_ZONE
    listen: Annotated[
        tuple[DnsAddress, ...],
        Option(
            "where DNS is answered, over UDP and TCP; may be repeated, or given with commas",
            parse=dns_address,
            metavar="ADDR:PORT",
            repeatable=True,
            show=_as_text,
        ),
    ] = (("0.0.0.0", 53),)
    workers: Annotated[
        int,
        Option(
            "how many processes answer; from 2 on they are processes of their own, fed by one that watches",
            parse=count_up_to(WORKERS_MAX),
            metavar="N",
        ),
    ] = 1
    snapshot: Annotated[
        Path | None,
        Option(
            "file in which the zone is kept, to be answered from (as stale) after a restart "
            "until the API server has been read",
            parse=Path,
            metavar="FILE",
        ),
    ] = None
    join_replies: Annotated[
        bool,
        Option(
            "whether replies to one client that go out together may leave as one long datagram, which the "
            "kernel or the network card cuts (UDP_SEGMENT); turn it off where a network loses these",
            parse=switch,
        ),
    ] = True
    service_metrics: Annotated[
        int,
        Option(
            "how many services have a metric of their own, the first by namespace and name; 0: none",
            parse=count_or_0_up_to(SERVICE_METRICS_MAX),
            metavar="N",
        ),
    ] = 0
    udp_payload_limit_bytes: int = 1232
    tcp: TcpLimits = field(default_factory=TcpLimits)

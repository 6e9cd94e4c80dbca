"""The DNS server's life: bind, serve, follow the API server, stop.

`start` binds and answers from that moment on (SERVFAIL until the zone is complete), without waiting for any
API server; `run` follows the API server until it is cancelled; `stop` answers what has arrived and closes
everything. Several servers can live in one process: nothing here is global.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from random import Random
from typing import Final

from prometheus_client import CollectorRegistry

from mcs_controller.dns.answers import Answers
from mcs_controller.dns.counters import Counters, tcp_channel, udp_channel
from mcs_controller.dns.fastpath import make_responder
from mcs_controller.dns.metrics import DnsCollector
from mcs_controller.dns.sockets import ListenAddress, bind_all
from mcs_controller.dns.source import ZoneSource
from mcs_controller.dns.tcp import TcpLimits, TcpService
from mcs_controller.dns.udp import UdpListener
from mcs_controller.dns.zone import Zone
from mcs_controller.kube.client import Client

TCP_CLOSE_SECONDS: Final = 2.0


@dataclass(frozen=True, slots=True)
class DnsConfig:
    """What a DNS server needs to know; `listen` may have port 0, then both protocols get the same port."""

    zone: str = "clusterset.local"
    listen: tuple[ListenAddress, ...] = (("", 53),)
    udp_payload_limit_bytes: int = 1232
    tcp: TcpLimits = field(default_factory=TcpLimits)


class DnsServer:
    """Answers for one zone from the objects of one API server.

    Raises `ZoneNameError` here and `ListenError` from `start`.
    """

    def __init__(
        self, config: DnsConfig, client: Client, *, registry: CollectorRegistry, random: Random
    ) -> None:
        self.config = config
        self.counters = Counters(udp_channel(config.udp_payload_limit_bytes), tcp_channel())
        self.answers = Answers(
            Zone(config.zone), random=random, payload_limit_bytes=self.counters.udp.ceiling_bytes
        )
        self.source = ZoneSource(client, self.answers, random=random)
        self._registry = registry
        self._collector = DnsCollector(self.counters, self.answers, self.source.age_seconds)
        self._addresses: tuple[ListenAddress, ...] = ()
        self._udp: list[UdpListener] = []
        self._tcp: list[asyncio.Server] = []
        self._tcp_service = TcpService(
            make_responder(self.answers, self.counters.tcp, self.counters), self.counters, config.tcp
        )

    def addresses(self) -> tuple[ListenAddress, ...]:
        """What is really bound, in the order of the configuration; empty while not started."""
        return self._addresses

    def synced(self) -> bool:
        """Whether the zone has been complete once, and answers come from it."""
        return self.source.synced()

    def problems(self) -> Mapping[str, str]:
        """What keeps the zone from following the API server, by kind of object; empty when all is well."""
        return self.source.problems()

    async def start(self) -> None:
        """Bind and serve."""
        loop = asyncio.get_running_loop()
        pairs = bind_all(self.config.listen)
        respond = make_responder(self.answers, self.counters.udp, self.counters)
        for pair in pairs:
            listener = UdpListener(pair.udp, respond, self.counters)
            listener.start()
            self._udp.append(listener)
            self._tcp.append(await loop.create_server(self._tcp_service.connection, sock=pair.tcp))
        self._addresses = tuple(pair.address for pair in pairs)
        self._registry.register(self._collector)

    async def run(self) -> None:
        """Start unless that has been done, follow the API server until cancelled, then stop."""
        if not self._addresses:
            await self.start()
        try:
            await self.source.run()
        finally:
            await self.stop()

    async def stop(self) -> None:
        """Answer what has arrived, then close everything; safe to call twice."""
        if not self._addresses:
            return
        self._addresses = ()
        self._registry.unregister(self._collector)
        for listener in self._udp:
            listener.stop()
        for server in self._tcp:
            server.close()
        await self._tcp_service.close(TCP_CLOSE_SECONDS)
        self._udp.clear()
        self._tcp.clear()

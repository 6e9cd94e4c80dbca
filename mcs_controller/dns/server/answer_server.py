"""What answers in one process: the answers, and the sockets on which they are asked for.

The whole of a server that has one process, and of each worker of a server that has several: it is fed
(`update`, `open`, `set_stale`) and knows no API server. Sockets come in groups by number, since a worker may
have to answer for a group of one that has died.
"""

import asyncio
from collections.abc import Sequence
from random import Random
from typing import Final

from mcs_controller.clusterset.model import ServiceKey
from mcs_controller.dns.answers.counters import Counters, Held, tcp_channel, udp_channel
from mcs_controller.dns.answers.fastpath import make_responder
from mcs_controller.dns.answers.zone_answers import ZoneAnswers
from mcs_controller.dns.config import DnsConfig
from mcs_controller.dns.server.sockets import BACKLOG_CONNECTIONS, SocketPair
from mcs_controller.dns.server.tcp import TcpService
from mcs_controller.dns.server.udp import UdpListener
from mcs_controller.dns.zone.lookup import Zone
from mcs_controller.dns.zone.packed import PackedService

TCP_CLOSE_SECONDS: Final = 2.0


class AnswerServer:
    """Answers for one zone. Raises `ZoneNameError`."""

    def __init__(self, config: DnsConfig, *, random: Random) -> None:
        self.counters = Counters(udp_channel(config.udp_payload_limit_bytes), tcp_channel())
        self.answers = ZoneAnswers(
            Zone(config.zone), random=random, payload_limit_bytes=self.counters.udp.ceiling_bytes
        )
        self._respond = make_responder(self.answers, self.counters.udp, self.counters)
        self._tcp_service = TcpService(
            make_responder(self.answers, self.counters.tcp, self.counters), self.counters, config.tcp
        )
        self._join_replies = config.join_replies
        self._udp: dict[int, list[UdpListener]] = {}
        self._tcp: dict[int, list[asyncio.Server]] = {}

    def update(self, service: ServiceKey, packed: PackedService | None) -> None:
        """Take over a service."""
        self.answers.update(service, packed)

    def open(self) -> None:
        """The zone is complete."""
        self.answers.open()

    def set_stale(self, stale: bool) -> None:
        """Whether answers may be out of date."""
        self.answers.set_stale(stale)

    def merged_counters(self) -> Counters:
        """What has been counted."""
        return self.counters

    def held(self) -> Held:
        """How much there is."""
        zone = self.answers.zone
        return Held(zone.service_count, zone.address_count, len(self.answers.ready_made))

    def groups(self) -> list[int]:
        """Which groups of sockets are answered."""
        return sorted(self._udp)

    async def serve(self, group: int, pairs: Sequence[SocketPair]) -> None:
        """Answer on these sockets; they are closed in the end."""
        loop = asyncio.get_running_loop()
        listeners = self._udp[group] = []
        servers = self._tcp[group] = []
        for pair in pairs:
            listener = UdpListener(pair.udp, self._respond, self.counters, join_replies=self._join_replies)
            listener.start()
            listeners.append(listener)
            servers.append(
                await loop.create_server(
                    self._tcp_service.connection, sock=pair.tcp, backlog=BACKLOG_CONNECTIONS
                )
            )

    def release(self, group: int) -> None:
        """Answer what has arrived there, and no more; connections that are open stay."""
        for listener in self._udp.pop(group, ()):
            listener.stop()
        for server in self._tcp.pop(group, ()):
            server.close()

    async def stop(self) -> None:
        """Answer what has arrived, then close everything; safe to call twice."""
        for group in self.groups():
            self.release(group)
        await self._tcp_service.close(TCP_CLOSE_SECONDS)

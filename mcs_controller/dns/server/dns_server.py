"""The DNS server's life: bind, serve, follow the API server, stop.

`start` binds and answers from that moment on (from the snapshot, or SERVFAIL until the zone is complete),
without waiting for any API server; `run` follows the API server until it is cancelled; `stop` answers what
has arrived and closes everything. With more than one worker the answering is done by processes of their own
(`workers/fleet.py`). Several servers can live in one process: nothing here is global.
"""

from collections.abc import Mapping, Sequence
from random import Random

from prometheus_client import CollectorRegistry

from mcs_controller.dns.config import DnsConfig
from mcs_controller.dns.server.answer_server import AnswerServer
from mcs_controller.dns.server.metrics import DnsCollector
from mcs_controller.dns.server.sockets import DnsAddress, bind_groups
from mcs_controller.dns.workers.fleet import Fleet
from mcs_controller.dns.zone.snapshot import SnapshotKeeper
from mcs_controller.dns.zone.source import ZoneSource
from mcs_controller.kube.client import Client
from mcs_controller.kube.clock import Clock, SystemClock
from mcs_controller.kube.tasks import Tasks


class DnsServer:
    """Answers for one zone from the objects of one API server.

    `answer_server` answers in this process, or `fleet` in others. Raises `ZoneNameError` here and
    `ListenError` from `start`.
    """

    def __init__(
        self,
        config: DnsConfig,
        client: Client,
        *,
        registry: CollectorRegistry,
        random: Random,
        clock: Clock | None = None,
        worker_command: Sequence[str] = (),
    ) -> None:
        self.config = config
        # Also with workers: what is wrong with the configuration is said here and not by each of them.
        self.answer_server = AnswerServer(config, random=random)
        self.fleet: Fleet | None = None
        if config.workers > 1:
            self.fleet = Fleet(
                config,
                worker_command,
                random=random,
                services=lambda: self.source.services(),
                packed=lambda service: self.source.packed(service),
            )
        answering = self.fleet or self.answer_server
        self.source = ZoneSource(client, answering, random=random)
        self.snapshot: SnapshotKeeper | None = None
        if config.snapshot is not None:
            zone = self.answer_server.answers.zone.name
            self.snapshot = SnapshotKeeper(config.snapshot, zone, self.source, clock or SystemClock())
        self._registry = registry
        self._collector = DnsCollector(
            answering, self.source, self.fleet, self.snapshot, services_max=config.service_metrics
        )
        self._addresses: tuple[DnsAddress, ...] = ()

    def addresses(self) -> tuple[DnsAddress, ...]:
        """What is really bound, in the order of the configuration; empty while not started."""
        return self._addresses

    def synced(self) -> bool:
        """Whether the zone has been read in full from the API server."""
        return self.source.synced()

    def ready(self) -> bool:
        """Whether clients get answers: the zone has been read, now or by the process that left a snapshot."""
        return self.source.is_open() and (self.fleet is None or self.fleet.ready())

    def problems(self) -> Mapping[str, str]:
        """What keeps the zone from following the API server, by kind of object; empty when all is well."""
        return self.source.problems()

    async def start(self) -> None:
        """Bind and serve."""
        groups = bind_groups(self.config.listen, self.config.workers)
        if self.snapshot is not None:
            self.snapshot.adopt()
        if self.fleet is None:
            await self.answer_server.serve(0, groups[0])
        else:
            self.fleet.start(groups)
        self._addresses = tuple(pair.address for pair in groups[0])
        self._registry.register(self._collector)

    async def run(self) -> None:
        """Start unless that has been done, follow the API server until cancelled, then stop."""
        if not self._addresses:
            await self.start()
        try:
            async with Tasks("dns server") as tasks:
                tasks.start(self.source.run(), name="source")
                if self.snapshot is not None:
                    tasks.start(self.snapshot.run(), name="snapshot", essential=False)
                if self.fleet is not None:
                    tasks.start(self.fleet.run(), name="workers")
        finally:
            await self.stop()

    async def stop(self) -> None:
        """Answer what has arrived, then close everything; safe to call twice."""
        if not self._addresses:
            return
        self._addresses = ()
        self._registry.unregister(self._collector)
        await self.answer_server.stop()
        if self.fleet is not None:
            self.fleet.close()
        if self.snapshot is not None:
            await self.snapshot.write_last()

"""Reads a cluster, or the broker, again and again. Each read is bounded, and no failure is raised but shown.

What lies on one place is asked for side by side. A place is away when its API server gave no answer.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import replace
from typing import Final, TypeVar

from mcs_controller.api.names import CLUSTER_ID_PROPERTY
from mcs_controller.api.resources import (
    ABOUT_API,
    EXPORTED_SERVICES,
    LEASES,
    MCS_API,
    MEMBER_CLUSTERS,
    NAMESPACES,
    Resource,
    cluster_properties,
    service_exports,
    service_imports,
)
from mcs_controller.cli.errors import CliError
from mcs_controller.cli.fuse_status import check_is_broker
from mcs_controller.cli.shared_options import agents_lease
from mcs_controller.cli.status.scraping import Scraper
from mcs_controller.cli.status.settings import MetricsOf, StatusSettings
from mcs_controller.clusterset.errors import MalformedObject, cut
from mcs_controller.clusterset.fields import child, text
from mcs_controller.clusterset.membership.member import decode_member
from mcs_controller.clusterset.model import LocalExport
from mcs_controller.clusterset.overview.figures import agent_seen, dns_rate
from mcs_controller.clusterset.overview.model import (
    BrokerSeen,
    ClusterAway,
    ClusterSeen,
    ImportsSeen,
    Leader,
    NoAnswer,
    Refused,
    Unknown,
    WrongCredential,
)
from mcs_controller.clusterset.overview.reading import broker_seen, exports_seen, imports_seen, leader_seen
from mcs_controller.clusterset.services import decode
from mcs_controller.install.checks import model as checks
from mcs_controller.install.checks.credential import of_secret
from mcs_controller.install.objects import SECRET
from mcs_controller.kube.client import Client, JsonObject
from mcs_controller.kube.clock import SystemClock
from mcs_controller.kube.connection.config import load_kubeconfig_text
from mcs_controller.kube.discovery import served_resource
from mcs_controller.kube.errors import Forbidden, KubeError, NotFound, TransportError, Unauthorized

_SYSTEM: Final = "kube-system"
_FROM_CACHE: Final = "0"
_ERROR_MAX_CHARS: Final = 200

_T = TypeVar("_T")


class Cluster:
    """One member cluster; `called` is the name that the user has for it."""

    def __init__(self, called: str, client: Client, settings: StatusSettings, *, is_first: bool) -> None:
        self.called = called
        self.uid = ""
        self.id = ""
        self.client = client
        self._settings = settings
        self._is_first = is_first
        self._agents = Scraper(client, "agent", settings.namespace, settings.timeout_seconds)
        self._dns = Scraper(client, "dns", settings.namespace, settings.timeout_seconds)
        self._leader: Leader | Unknown = Unknown("it has not been asked yet")
        self._exports: tuple[LocalExport, ...] | Unknown = Unknown("it has not been asked yet")
        self._imports: ImportsSeen | Unknown = Unknown("it has not been asked yet")
        self._away = ""
        self._away_since_seconds = 0.0

    async def read(self) -> None:
        """One round."""
        identity, exports, imports, leader, _, _ = await asyncio.gather(
            self._ask(self._read_identity()),
            self._ask(self._list(service_exports)),
            self._ask(self._list(service_imports)),
            self._ask(self._read_leader()),
            self.read_metrics(self._agents, self._settings.agent_metrics),
            self.read_metrics(self._dns, self._settings.dns_metrics),
        )
        if isinstance(imports, NoAnswer) and isinstance(exports, NoAnswer):
            if not self._away:
                self._away_since_seconds = asyncio.get_running_loop().time()
            self._away = imports.reason
            return
        self._away = ""
        if not isinstance(identity, Unknown):
            self.uid, self.id = identity
        self._leader = leader
        # Read after the deadline: it is for answers, and not for what there is to do with them here.
        if isinstance(exports, Unknown):
            self._exports = exports
        else:
            self._exports = tuple(_readable(exports, decode.service_export))
        if isinstance(imports, Unknown):
            self._imports = imports
        else:
            self._imports = imports_seen(_readable(imports, decode.service_import))

    async def read_dns(self) -> None:
        """The metrics of its DNS servers once more, for a rate."""
        await self.read_metrics(self._dns, self._settings.dns_metrics)

    @property
    def has_dns_metrics(self) -> bool:
        """Whether some DNS server answered in the last round."""
        return bool(self._dns.readings())

    async def read_metrics(self, scraper: Scraper, given: Sequence[MetricsOf]) -> None:
        """One round of the metrics of a component."""
        names = {self.called, self.id} - {""} | ({""} if self._is_first else set())
        await scraper.read([one for one in given if one.cluster in names])

    async def close(self) -> None:
        """Give the connections up."""
        await self.client.close()

    def view(self, name: str) -> ClusterSeen | ClusterAway:
        """What the last round found; `name` is the one to be shown."""
        if self._away:
            away_seconds = asyncio.get_running_loop().time() - self._away_since_seconds
            return ClusterAway(name, self._away, away_seconds)
        return ClusterSeen(
            name,
            self.id,
            self.uid,
            self._leader,
            self._exports if isinstance(self._exports, Unknown) else exports_seen(self._exports, name),
            self._imports,
            self._agents.unknown or agent_seen(self._agents.readings()),
            self._dns.unknown or dns_rate(self._dns.readings()),
        )

    async def _ask(self, reading: Awaitable[_T]) -> _T | Unknown:
        return await _asked(reading, self._settings.timeout_seconds)

    async def _read_identity(self) -> tuple[str, str]:
        """The UID of kube-system, and the id that the cluster says it has; "" for what is not there."""
        try:
            uid = text(child(await self.client.get(NAMESPACES, _SYSTEM), "metadata"), "uid")
        except (Forbidden, NotFound):
            uid = ""
        try:
            properties = await served_resource(self.client, ABOUT_API, cluster_properties)
            found = await self.client.get(properties, CLUSTER_ID_PROPERTY)
        except (Forbidden, NotFound):
            return uid, ""
        return uid, text(child(found, "spec"), "value")

    async def _list(self, kind: Callable[[str], Resource]) -> list[JsonObject]:
        resource = await served_resource(self.client, MCS_API, kind)
        return (await self.client.list(resource, resource_version=_FROM_CACHE)).items

    async def _read_leader(self) -> Leader:
        named = agents_lease(self._settings)
        try:
            lease = await self.client.get(LEASES, named.name, named.namespace)
        except NotFound:
            raise Lacking(
                f"there is no Lease {named}: its agent does not run, or without "
                "--leader-elect, or elsewhere (--namespace, --lease-namespace, --lease-name)"
            ) from None
        return leader_seen(lease, SystemClock().now().timestamp())


class Broker:
    """The broker; `open_` connects to it, and raises `Lacking` while nothing says how."""

    def __init__(self, open_: Callable[[], Awaitable[Client]], timeout_seconds: float) -> None:
        self._open = open_
        self._client: Client | None = None
        self._timeout_seconds = timeout_seconds
        self._seen: BrokerSeen | Unknown = Unknown("it has not been asked yet")
        self._away = ""
        self._away_since_seconds = 0.0

    async def read(self) -> None:
        """One round."""
        seen = await _asked(self._read(), self._timeout_seconds)
        if isinstance(seen, NoAnswer) and isinstance(self._seen, BrokerSeen):
            if not self._away:
                self._away_since_seconds = asyncio.get_running_loop().time()
            self._away = seen.reason
            return
        self._away = ""
        if isinstance(seen, Unknown):
            self._seen = seen
            return
        members, records = seen
        self._seen = broker_seen(
            _readable(members, decode_member),
            _readable(records, decode.exported_service),
            SystemClock().now().timestamp(),
        )

    async def close(self) -> None:
        """Give the connections up."""
        if self._client is not None:
            await self._client.close()

    def view(self) -> BrokerSeen | Unknown:
        """What the last round found; what it held before, if it is away."""
        if isinstance(self._seen, Unknown) or not self._away:
            return self._seen
        away_seconds = asyncio.get_running_loop().time() - self._away_since_seconds
        return replace(self._seen, away=self._away, away_seconds=away_seconds)

    async def _read(self) -> tuple[list[JsonObject], list[JsonObject]]:
        """MemberClusters and ExportedServices."""
        if self._client is None:
            self._client = await self._open()
        try:
            # Both are waited for: where both fail, every round shows the same one of the two.
            members, records = map(
                _answered,
                await asyncio.gather(
                    self._client.list(MEMBER_CLUSTERS, resource_version=_FROM_CACHE),
                    self._client.list(EXPORTED_SERVICES, resource_version=_FROM_CACHE),
                    return_exceptions=True,
                ),
            )
        except NotFound:
            try:
                await check_is_broker(self._client)
            except CliError as error:
                raise NotTheBroker(str(error)) from None
            raise
        except Unauthorized:
            # The next round begins anew: a credential from a Secret may have been replaced there.
            await self.close()
            self._client = None
            raise
        return members.items, records.items


async def broker_of(client: Client, namespace: str) -> Client:
    """The broker, with the credential that a member's agent has for it. Raises `KubeError`, `Lacking`."""
    found = await of_secret(client, namespace)
    give = "give --broker-kubeconfig or --broker-context"
    if isinstance(found.fact, checks.Unknown):
        raise Lacking(f"you may not read Secret {namespace}/{SECRET}, or it was not answered: {give}")
    if not found.text:
        raise Lacking(f"{found.problem or f'there is no Secret {namespace}/{SECRET}'}: {give}")
    return Client(load_kubeconfig_text(found.text), name="broker")


class Lacking(Exception):
    """What was to be read is not there; the text says what to do."""


class NotTheBroker(Exception):
    """The API server that was named as the broker is none; the text says what to do."""


def _answered(found: _T | BaseException) -> _T:
    if isinstance(found, BaseException):
        raise found
    return found


async def _asked(reading: Awaitable[_T], timeout_seconds: float) -> _T | Unknown:
    try:
        async with asyncio.timeout(timeout_seconds):
            return await reading
    except TimeoutError:
        return NoAnswer(f"no answer within {timeout_seconds:g} s")
    except TransportError as error:
        return NoAnswer(cut(str(error), _ERROR_MAX_CHARS))
    except Unauthorized as error:
        return WrongCredential(cut(str(error), _ERROR_MAX_CHARS))
    except (KubeError, MalformedObject, NotTheBroker) as error:
        return Refused(cut(str(error), _ERROR_MAX_CHARS))
    except Lacking as error:
        return Unknown(cut(str(error), _ERROR_MAX_CHARS))


def _readable(bodies: Iterable[JsonObject], read: Callable[[JsonObject], _T]) -> list[_T]:
    """All that can be read; what cannot be is read by no agent either."""
    found = []
    for body in bodies:
        try:
            found.append(read(body))
        except MalformedObject:
            continue
    return found

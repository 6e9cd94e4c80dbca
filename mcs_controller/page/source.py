"""Reads what the page shows from the stores of the agent that works, without a request to an API server.

A store may change whenever the event loop goes round: each function reads what it needs in one go, and gives
frozen values.
"""

import asyncio
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import chain
from typing import NamedTuple

from prometheus_client import Histogram

from mcs_controller.clusterset.board.rows import MemberFacts, ServiceFacts
from mcs_controller.clusterset.explain.bulk_here import NO_BULK, BulkHere
from mcs_controller.clusterset.explain.picture import (
    Assumed,
    InCluster,
    NamespaceState,
    OnBroker,
    Picture,
    Unknown,
)
from mcs_controller.clusterset.explain.policies_here import NONE_HERE, PoliciesHere
from mcs_controller.clusterset.model import LocalImport, LocalService, Member, ServiceKey, SourceSlice
from mcs_controller.clusterset.services.naming import derived_service_name, exported_service_name
from mcs_controller.clusterset.services.ownership import owns
from mcs_controller.clusterset.syntax import micro_time
from mcs_controller.controllers.config import AgentConfig
from mcs_controller.controllers.membership.controller import MembershipController
from mcs_controller.controllers.membership.members import Membership
from mcs_controller.controllers.membership.presence import Presence
from mcs_controller.controllers.runtime.manager import Manager
from mcs_controller.controllers.services.bulk.controller import BulkExportController
from mcs_controller.controllers.services.controller import ServicesController
from mcs_controller.controllers.services.stores.stores import Stores
from mcs_controller.kube.client import Client


class Replica(NamedTuple):
    """This process among its replicas. `holder` is the one that leads by the Lease, "" if none does."""

    cluster: str
    name: str
    holder: str
    namespace: str


@dataclass(frozen=True, slots=True)
class Agent:
    """What is shown. `manager` gives the present term's, None while this replica does not work."""

    config: AgentConfig
    replica: Callable[[], Replica]
    manager: Callable[[], Manager | None]


class Side(NamedTuple):
    """An API server: whether its last request was answered, and how long ago it was heard of."""

    name: str
    reachable: bool
    heard_seconds: float | None


class Size(NamedTuple):
    """How much there is to be judged of a service; `ports` are those of its slices."""

    endpoints: int
    slices: int
    ports: int


class Held:
    """What the agent holds in one term. `problems` says why it is not ready yet, by name."""

    def __init__(self, config: AgentConfig, manager: Manager, stores: Stores, lag: Histogram) -> None:
        self._config = config
        self._manager = manager
        self._stores = stores
        self.lag = lag
        membership = manager.controllers[MembershipController.name]
        assert isinstance(membership, MembershipController)
        self._members: Membership = membership.members
        self._presence: Presence = membership.presence
        bulk = manager.controllers.get(BulkExportController.name)
        self._bulk = bulk if isinstance(bulk, BulkExportController) else None

    @property
    def of(self) -> Manager:
        """Whose it is."""
        return self._manager

    def problems(self) -> dict[str, str]:
        """Why the agent is not ready, by name; empty when it is."""
        return self._manager.problems()

    def sides(self) -> tuple[Side, Side]:
        """This cluster's API server, and the broker."""
        local, broker = self._stores.local.client, self._stores.broker.client
        return _side("This cluster's API server", local), _side("The broker", broker)

    def knows_broker(self) -> bool:
        """Whether the other members' exports have been read completely once."""
        return self._stores.view.complete()

    def members(self) -> list[MemberFacts]:
        """All members, by their name."""
        own, left_out = self._config.cluster_id, Counter[str]()
        for cluster, _, _, number in self._stores.broker.left_out():
            left_out[cluster] += number
        missing = self._members.missing()
        return [
            MemberFacts(
                self._with_heartbeat(member),
                cluster == own,
                self._silent_seconds(cluster),
                cluster in self._members.dead,
                cluster in self._members.held,
                cluster in missing,
                left_out[cluster],
            )
            for cluster, member in sorted(self._known_members())
        ]

    def asks_export_policies(self) -> bool:
        """Whether this agent goes by ServiceExportPolicies, and so knows which of them made what."""
        return self._bulk is not None

    def services(self) -> list[ServiceKey]:
        """Every service that any cluster exports, or that has objects here; in order."""
        return sorted(self._stores.view.services())

    def facts(self, key: ServiceKey) -> ServiceFacts | None:
        """What is held of a service; None if that is nothing that anybody would look for."""
        stores, view, policies = self._stores, self._stores.view, self._stores.import_policies
        records = view.records(key)
        export, imported = stores.local.exports.get(*key), stores.local.imports.get(*key)
        if not records and export is None and imported is None and not stores.retained.records(key):
            return None
        return ServiceFacts(
            key,
            records,
            frozenset(one.cluster for one in records if owns(self._members.member(one.cluster), key)),
            tuple(one.cluster for one in stores.retained.records(key) if view.refusal(one) is not None),
            tuple(
                one.cluster for one in records if policies is not None and policies.refuses(one.cluster, key)
            ),
            export.value if export is not None else None,
            imported.value if imported is not None else None,
            tuple(entry.value for entry in stores.local.imported_slices.indexed(key)),
            stores.local.namespace_is_active(key.namespace),
        )

    def picture(self, key: ServiceKey, now_seconds: float) -> Picture:
        """All that is held of a service, for `explain`; `now_seconds` is since the epoch."""
        broker: tuple[OnBroker, ...] | None = None
        unknown: tuple[Unknown, ...] = ()
        if self.knows_broker():
            broker = tuple(self._on_broker(key, now_seconds))
        else:
            unknown = (Unknown("what the broker holds", "this agent has not read it completely yet"),)
        return Picture(
            key,
            now_seconds,
            here=self._here(key, now_seconds),
            broker=broker,
            unknown=unknown,
            assumed=Assumed(self._config.member_timeout_seconds, self._config.limits),
        )

    def size(self, key: ServiceKey) -> Size:
        """What all clusters offer of a service, and what is imported, together."""
        stores = self._stores
        contents = [one.content for one in (*stores.local.own_slices(key), *stores.retained.slices(key))]
        contents += (entry.value.content for entry in stores.local.imported_slices.indexed(key))
        return Size(
            sum(len(one.endpoints) for one in contents),
            len(contents),
            sum(len(one.ports) for one in contents),
        )

    def _known_members(self) -> Iterator[tuple[str, Member]]:
        for cluster in {*self._members.others(), self._config.cluster_id}:
            member = self._members.member(cluster)
            if member is not None:
                yield cluster, member

    def _silent_seconds(self, cluster: str) -> float | None:
        if cluster == self._config.cluster_id:
            return self._presence.unrenewed_seconds()
        return self._members.heartbeat_ages_seconds().get(cluster)

    def _with_heartbeat(self, member: Member, now_seconds: float | None = None) -> Member:
        """With the time at which this agent heard of it, by its own clock: clocks of clusters may differ."""
        silent_seconds = self._silent_seconds(member.cluster)
        if now_seconds is None or silent_seconds is None or not member.heartbeat:
            return member
        return replace(member, heartbeat=micro_time(now_seconds - silent_seconds))

    def _on_broker(self, key: ServiceKey, now_seconds: float) -> Iterator[OnBroker]:
        stores, own = self._stores, self._config.cluster_id
        records = {one.cluster: one for one in stores.retained.records(key)}
        published = stores.broker.own_records.get(stores.broker.own_namespace, exported_service_name(key))
        if published is not None and published.value.readable:
            records[own] = published.value
        slices: defaultdict[str, list[SourceSlice]] = defaultdict(list)
        own_slices = (entry.value for entry in stores.broker.own_slices.indexed(key))
        for one in chain(stores.retained.slices(key), own_slices):
            slices[one.cluster].append(one)
        members, over_limits = dict(self._known_members()), self._over_limits()
        for cluster in sorted({*members, *records, *slices}):
            member = members.get(cluster)
            yield OnBroker(
                cluster,
                self._with_heartbeat(member, now_seconds) if member is not None else None,
                records.get(cluster),
                tuple(slices[cluster]),
                over_limits="; ".join(over_limits[cluster]),
            )

    def _over_limits(self) -> defaultdict[str, list[str]]:
        """What this agent publishes, or takes, less of each member than there is."""
        found: defaultdict[str, list[str]] = defaultdict(list)
        for cluster, kind, reason, number in self._stores.broker.left_out():
            found[cluster].append(f"the agent here leaves out {number} {kind} of it, {reason}")
        if message := self._stores.own_limits.condition().message:
            found[self._config.cluster_id] = [message]
        return found

    def _here(self, key: ServiceKey, now_seconds: float) -> InCluster:
        local = self._stores.local
        export, imported = local.exports.get(*key), local.imports.get(*key)
        entry = local.services.get(*key)
        service, bulk = self._with_bulk(key, entry.value if entry is not None else None)
        derived = local.services.get(key.namespace, derived_service_name(key))
        policies = self._stores.import_policies
        rules, labels = (policies and policies.seen(key.namespace)) or (None, ())
        held = policies.gate.held if policies is not None else ""
        return InCluster(
            self._config.cluster_id,
            self._namespace_state(key.namespace),
            export.value if export is not None else None,
            service,
            local.own_slices(key),
            imported.value if imported is not None else None,
            imported_slices=tuple(one.value for one in local.imported_slices.indexed(key)),
            derived=derived.value if derived is not None else None,
            leader_at=micro_time(now_seconds),
            imports_of=self._imports_of() if imported is None else None,
            import_policies=PoliciesHere(rules.policies, asked=True, held=held, doubt=rules.doubt)
            if rules is not None
            else NONE_HERE,
            namespace_labels=labels,
            bulk=bulk,
        )

    def _with_bulk(
        self, key: ServiceKey, service: LocalService | None
    ) -> tuple[LocalService | None, BulkHere]:
        """The Service with the labels that ServiceExportPolicies ask for, and what they do about it."""
        if self._bulk is None:
            return service, NO_BULK
        stores = self._bulk.stores
        candidate, export = stores.services.get(*key), stores.exports.get(*key)
        if service is not None and candidate is not None:
            service = replace(service, labels=candidate.value.labels)
        present = export.value if export is not None else None
        return service, BulkHere(stores.known(), asked=True, export=present, held=self._bulk.held())

    def _namespace_state(self, namespace: str) -> NamespaceState:
        local = self._stores.local
        if local.namespace_is_active(namespace):
            return "active"
        if local.namespace_is_ending(namespace):
            return "ending"
        return "missing" if local.namespaces.synced() else "unknown"

    def _imports_of(self) -> tuple[tuple[str, int], ...]:
        """As `imports/import_cap.py` counts them."""
        counts = Counter[str]()
        for entry in self._stores.local.imports:
            imported: LocalImport = entry.value
            if imported.managed and self._config.cluster_id not in imported.clusters:
                counts.update(imported.clusters)
        return tuple(sorted(counts.items()))


def held_by(config: AgentConfig, manager: Manager) -> Held | None:
    """What a manager's controllers hold; None if the services are not among what it runs."""
    services = manager.controllers.get(ServicesController.name)
    if not isinstance(services, ServicesController):
        return None
    return Held(config, manager, services.stores, services.metrics.export_to_import)


def _side(name: str, client: Client) -> Side:
    last = client.contact.last_contact
    heard_seconds = None if last is None else max(0.0, asyncio.get_running_loop().time() - last)
    return Side(name, client.contact.reachable, heard_seconds)

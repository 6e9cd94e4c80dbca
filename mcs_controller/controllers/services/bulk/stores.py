"""What ServiceExportPolicies are about, as the API server shows it: themselves, Services, and ServiceExports.

All Services and ServiceExports of the cluster are held, but of each only what the rules ask for.
"""

import asyncio
import logging
from collections.abc import Callable, Hashable, Iterator
from functools import partial
from typing import Any, Final

from mcs_controller.api.resources import (
    MCS_API,
    POLICY_GROUP,
    SERVICE_EXPORT_POLICIES,
    SERVICES,
    Resource,
    service_exports,
)
from mcs_controller.clusterset.model import ServiceKey
from mcs_controller.clusterset.services.policies.bulk.plan import Known
from mcs_controller.clusterset.services.policies.bulk.service_policy import (
    Candidate,
    ExportFields,
    PolicyKey,
    Present,
    ServiceFields,
    ServicePolicy,
    decode_candidate,
    decode_present,
    decode_service_policy,
)
from mcs_controller.controllers.runtime.context import Context
from mcs_controller.controllers.runtime.informers import Kind
from mcs_controller.controllers.runtime.kinds import ACTIVE_NAMESPACES
from mcs_controller.controllers.services.policies.kind_life import ending_text, is_ending
from mcs_controller.kube.decoding.field_parser import FieldParser
from mcs_controller.kube.discovery import served_resource
from mcs_controller.kube.informer import Informer
from mcs_controller.kube.store import Entry

_POLICIES: Final = Kind(
    "serviceexportpolicies",
    lambda client: SERVICE_EXPORT_POLICIES,
    decode_service_policy,
    optional_group=POLICY_GROUP,
)

KIND_READ_FOR_SECONDS: Final = 5.0
"""When a policy vanishes, removals wait longer than this, and then read it again."""

NEVER_SECONDS: Final = float("-inf")

_log = logging.getLogger(__name__)

KeyListener = Callable[[ServiceKey], None]


class BulkStores:
    """Listeners: `on_service` is told of each service that changed in something, `on_policies` of a namespace
    in which much may be otherwise, `on_export_gone` of each ServiceExport that is gone, with what it was.

    `removals` counts the policies that went.
    """

    def __init__(self, context: Context) -> None:
        informers = context.local
        self.client = informers.client
        self.on_service: KeyListener = lambda key: None
        self.on_policies: Callable[[str], None] = lambda namespace: None
        self.on_export_gone: Callable[[ServiceKey, Entry[Present]], None] = lambda key, export: None
        self._mcs_version = ""
        self.policies: Informer[ServicePolicy] = informers.get(_POLICIES)
        self.namespaces: Informer[bool] = informers.get(ACTIVE_NAMESPACES)
        self.services: Informer[Candidate] = informers.add(
            "services-of-policies",
            SERVICES,
            decode_candidate,
            index=_namespace_of,
            parse=FieldParser(ServiceFields),
        )
        self.exports: Informer[Present] = informers.add(
            "exports-of-policies",
            self._served_exports,
            decode_present,
            index=_namespace_of,
            parse=FieldParser(ExportFields),
        )
        self.removals = 0
        self._is_ending = False
        self._kind_read_at_seconds = NEVER_SECONDS
        self._changes = 0
        # The policies that went, with the number of lists then.
        self._going: dict[PolicyKey, int] = {}
        self._gone: set[PolicyKey] = set()
        self._known_for: Hashable = None
        self._known = Known()
        self.policies.subscribe(self._policy_changed)
        self.namespaces.subscribe(self._namespace_changed)
        self.services.subscribe(partial(self._changed, None))
        self.exports.subscribe(partial(self._changed, self._export_gone))

    def exports_resource(self) -> Resource:
        """ServiceExport in the version that this API server serves."""
        return service_exports(self._mcs_version)

    async def wait_synced(self) -> None:
        """Wait until each kind has been read once."""
        for informer in self._informers():
            await informer.wait_synced()

    def known(self) -> Known:
        """The policies as they are known now."""
        doubt = self._doubt()
        version = (doubt, self._changes, self.policies.reflector.lists)
        if version != self._known_for:
            self._known_for = version
            gone = self._gone.union(self._seen_going())
            self._known = Known.of((one.value for one in self.policies), gone, doubt)
        return self._known

    def services_of(self, namespace: str = "") -> list[ServiceKey]:
        """All services, or those of a namespace, that there are or that are exported; sorted."""
        if namespace:
            found = {one.key for one in self.services.indexed(namespace)}
            found.update(one.key for one in self.exports.indexed(namespace))
        else:
            found = {one.key for one in self.services} | {one.key for one in self.exports}
        return sorted(ServiceKey(*key) for key in found)

    def releases(self) -> Iterator[tuple[PolicyKey, str]]:
        """The policies, and until when each confirms what it removes."""
        for entry in self.policies:
            yield entry.value.key, entry.value.release

    def unreadable(self) -> int:
        """How many policies cannot be read; at least one while the kind cannot."""
        is_unread = (
            not self.policies.synced() or self.policies.reflector.problem is not None or self._is_ending
        )
        return max(sum(bool(one.value.problem) for one in self.policies), int(is_unread))

    def is_listing(self) -> bool:
        """Whether a kind is being listed anew, as happens now and then without anything being wrong."""
        return any(one.reflector.problem is None and not one.reflector.current() for one in self._informers())

    def trouble(self) -> str:
        """What cannot be read, and why; "" for nothing, or what is only being listed anew."""
        return "" if self.is_listing() else self._doubt()

    def has_seen_through(self) -> None:
        """No policy went for long enough: a CRD that is deleted would have been missed by now."""
        self._gone = self._makers() & self._gone.union(self._seen_going())
        self._going.clear()

    async def read_kind(self) -> bool:
        """Whether the policies' CRD is being deleted, as was read shortly before. Raises `KubeError`."""
        now_seconds = asyncio.get_running_loop().time()
        if now_seconds >= self._kind_read_at_seconds + KIND_READ_FOR_SECONDS:
            before = self._is_ending
            self._is_ending = bool(await is_ending(self.client, SERVICE_EXPORT_POLICIES))
            if self._is_ending and not before:
                _log.warning("%s; what policies made stays", ending_text(SERVICE_EXPORT_POLICIES))
            self._kind_read_at_seconds = now_seconds
        return self._is_ending

    async def read_again(self, key: ServiceKey) -> None:
        """Read a Service, and the policies of its namespace: watches may be late. Raises `KubeError`."""
        await self.services.reflector.fetch(name=key.name, namespace=key.namespace)
        await self.policies.reflector.fetch(namespace=key.namespace)

    def is_kind_sure(self) -> bool:
        """Whether the kind was there, and was not being deleted, when that was read last."""
        return self._kind_read_at_seconds > NEVER_SECONDS and not self._is_ending

    def namespace_is_active(self, namespace: str) -> bool:
        """Whether objects may be created in it."""
        entry = self.namespaces.get("", namespace)
        return entry is not None and entry.value

    def _doubt(self) -> str:
        for informer in self._informers():
            problem = informer.reflector.problem
            if problem is not None:
                return f"{informer.name} cannot be read: {problem}"
            if not informer.reflector.current():
                return f"{informer.name} have not been read"
        if self._is_ending:
            return ending_text(SERVICE_EXPORT_POLICIES)
        return ""

    def _seen_going(self) -> set[PolicyKey]:
        """Those after which no list was needed: the kind itself was there all the time."""
        return {key for key, lists in self._going.items() if lists == self.policies.reflector.lists}

    def _makers(self) -> set[PolicyKey]:
        return {one.value.maker for one in self.exports if one.value.maker is not None}

    def _informers(self) -> tuple[Informer[Any], ...]:
        return self.policies, self.services, self.exports, self.namespaces

    async def _served_exports(self) -> Resource:
        resource = await served_resource(self.client, MCS_API, service_exports)
        self._mcs_version = resource.version
        return resource

    def _policy_changed(self, old: Entry[ServicePolicy] | None, new: Entry[ServicePolicy] | None) -> None:
        self._changes += 1
        if old is not None and (new is None or new.uid != old.uid):
            self.removals += 1
            self._note_gone(old.value.key)
        if new is not None:
            # One of this name that goes with its CRD would be taken for the one before.
            self._going.pop(new.value.key, None)
            self._gone.discard(new.value.key)
        for entry in (old, new):
            if entry is not None:
                self.on_policies(entry.namespace)

    def _note_gone(self, policy: PolicyKey) -> None:
        # What a list lacks may have gone in any way, also with its CRD.
        if self.policies.reflector.current():
            self._going[policy] = self.policies.reflector.lists
        if len(self._going) > len(self.exports):
            # Of most policies nothing is left: these need not be remembered.
            makers = self._makers()
            self._going = {key: lists for key, lists in self._going.items() if key in makers}

    def _namespace_changed(self, old: Entry[bool] | None, new: Entry[bool] | None) -> None:
        """Of two watches the one of Services may be the first to show something of a new namespace."""
        if new is not None and (old is None or old.value != new.value):
            self.on_policies(new.name)

    def _export_gone(self, old: Entry[Any], new: Entry[Any] | None) -> None:
        if new is None or new.uid != old.uid:
            self.on_export_gone(ServiceKey(*old.key), old)

    def _changed(
        self,
        gone: Callable[[Entry[Any], Entry[Any] | None], None] | None,
        old: Entry[Any] | None,
        new: Entry[Any] | None,
    ) -> None:
        if gone is not None and old is not None:
            gone(old, new)
        entry = new or old
        if entry is not None and (old is None or new is None or old.value != new.value):
            self.on_service(ServiceKey(entry.namespace, entry.name))


def _namespace_of(entry: Entry[Any]) -> str:
    return entry.namespace

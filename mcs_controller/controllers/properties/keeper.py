"""Writes the two well-known properties, and puts back what others change, while the cluster is a member.

An admission policy can refuse such a change before it happens; this is for clusters without one, and for what
went past it. Somebody who sets another value again and again, as a tool that applies a manifest, costs a few
writes at once and then one every `PUT_BACK_SPACING_SECONDS`.
"""

import asyncio
import logging
from collections.abc import Mapping
from typing import Any, Final

from mcs_controller.api.resources import ABOUT_API, ABOUT_GROUP, MEMBER_CLUSTERS, Resource, cluster_properties
from mcs_controller.clusterset.identity import member_namespace
from mcs_controller.clusterset.membership.member import decode_member
from mcs_controller.clusterset.properties.keeping import Step, keep, property_body
from mcs_controller.clusterset.properties.well_known import Property, Trouble, in_ascii
from mcs_controller.controllers.runtime.context import Context
from mcs_controller.kube.discovery import served_resource, served_versions
from mcs_controller.kube.errors import Forbidden, NotFound
from mcs_controller.kube.events.sink import ObjectRef
from mcs_controller.kube.informer import Informer
from mcs_controller.kube.pacing.rate import TokenBucket

_log = logging.getLogger(__name__)

PUT_BACK_AT_ONCE: Final = 10
PUT_BACK_SPACING_SECONDS: Final = 30.0

_NOT_SERVED: Final = Trouble(
    "NotServed", f"the API server does not serve {ABOUT_GROUP}: {ABOUT_API.how_to_install}"
)
_CHANGED_AGAIN: Final = Trouble(
    "ChangedAgain",
    "somebody changes them again and again, and the agent puts them back, every "
    f"{PUT_BACK_SPACING_SECONDS:g} s at most",
)


class PropertyKeeper:
    """Keeps the two properties as the rules want them; `properties` has the versions that are there."""

    def __init__(self, context: Context, properties: Informer[Property]) -> None:
        self._cluster_id = context.config.cluster_id
        self._local = context.local.client
        self._broker = context.broker.client
        self._events = context.events
        self._properties = properties
        self._writes = TokenBucket(PUT_BACK_AT_ONCE, 1 / PUT_BACK_SPACING_SECONDS)
        self._seen: set[str] = set()
        self.wait_seconds = 0.0

    def found(self) -> dict[str, Property]:
        """The properties as they were read, by name."""
        return {entry.name: entry.value for entry in self._properties}

    async def look(self) -> tuple[dict[str, Property], Trouble | None]:
        """Write what differs; what is there then, and what keeps it from being right, None if nothing does.

        `wait_seconds` is afterwards how long to wait before the next look, 0.0 if no write waits. Raises
        `KubeError`, `Conflict` if somebody else wrote meanwhile.
        """
        self.wait_seconds = 0.0
        namespace = member_namespace(self._cluster_id)
        member = decode_member(await self._broker.get(MEMBER_CLUSTERS, self._cluster_id, namespace))
        try:
            resource = await served_resource(self._local, ABOUT_API, cluster_properties)
            found = self.found()
            while (wanted := keep(self._cluster_id, member.clusterset, found)).steps:
                for step in wanted.steps:
                    now_seconds = asyncio.get_running_loop().time()
                    if not self._writes.take(now_seconds):
                        self.wait_seconds = self._writes.wait_seconds(now_seconds)
                        return found, _CHANGED_AGAIN
                    await self._write(resource, step)
                    found[step.name] = Property(step.value, step.value)
        except NotFound:
            # Of the kind, or of an object that went with it. If of one alone, the watch says so, and then
            # we look again.
            return self.found(), await self.missing()
        except Forbidden as error:
            return self.found(), Trouble(
                "NotAllowed", f"the agent may not write them: {in_ascii(str(error))}"
            )
        self._seen.update(found)
        return found, wanted.trouble

    async def missing(self) -> Trouble | None:
        """What to tell if the API server does not serve the kind. Raises `KubeError`."""
        if await served_versions(self._local, ABOUT_GROUP):
            return None
        self._seen.clear()
        return _NOT_SERVED

    async def _write(self, resource: Resource, step: Step) -> None:
        body = property_body(resource.api_version, step.name, step.value)
        if step.old is None:
            written = await self._local.create(resource, body)
        else:
            written = await self._local.patch(resource, step.name, self._patch(step, body))
        if step.old is not None or step.name in self._seen:
            self._tell(resource, step, written)
        else:
            _log.info("ClusterProperty %s is set to %s", step.name, step.value)

    def _patch(self, step: Step, body: Mapping[str, Any]) -> dict[str, Any]:
        """The change from what was read, and from nothing else."""
        metadata = {"annotations": body["metadata"]["annotations"]}
        entry = self._properties.get("", step.name)
        if entry is not None:
            metadata |= {"resourceVersion": entry.resource_version, "uid": entry.uid}
        return {"metadata": metadata, "spec": body["spec"]}

    def _tell(self, resource: Resource, step: Step, written: Mapping[str, Any]) -> None:
        if step.old is None:
            was = "was deleted"
        else:
            was = f"was changed to {in_ascii(step.old)}" if step.old else "lost its value"
        note = (
            f"it {was}, and is {step.value} again: it does not change while this cluster is a member of the "
            "clusterset; run `leave` first"
        )
        _log.warning("ClusterProperty %s: %s", step.name, note)
        regarding = ObjectRef(resource.api_version, resource.kind, "", step.name, written["metadata"]["uid"])
        self._events.event(regarding, "Warning", "PropertyPutBack", note)

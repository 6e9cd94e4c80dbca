"""Judges every write of an agent at the moment when a simulated server carries it out.

I-UNMARKED         an agent touches no object of others: each one has our marker, before and after
I-OWN-NAMESPACE    on the broker it writes in its member's namespace only, and only the kinds of members
I-FENCE            each change of something that exists names the version that it changes, so that a request
                   that was long on its way changes nothing newer; and nobody writes without the lease
"""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from typing import Any

from mcs_controller.api.names import LABEL_MANAGED_BY, LABEL_SLICE_MANAGED_BY, MANAGED_BY
from mcs_controller.simcluster.cluster import SimCluster
from mcs_controller.simcluster.storage.versions import Bucket, Event, Object
from tests.simulation.process import LEASE_NAME, LEASE_NAMESPACE
from tests.simulation.story import Story
from tests.simulation.wire import Sent

MARKERS = {
    "serviceimports": LABEL_MANAGED_BY,
    "services": LABEL_MANAGED_BY,
    "endpointslices": LABEL_SLICE_MANAGED_BY,
}
OWN_KINDS = ("events", "leases")
OF_MEMBERS = ("memberclusters", "exportedservices", "exportedendpointslices")
NOT_WORK = ("leases", "events", "memberclusters")
"""What replicas write that do not lead, too: every one sends heartbeats."""


class Audit:
    """`writes` counts what agents wrote by server and kind, heartbeats and leases left out."""

    def __init__(self, story: Story) -> None:
        self.writes: Counter[tuple[str, str]] = Counter()
        self._story = story
        self._restored: set[str] = set()
        self._sent = story.world.network.sent
        for cluster in story.world:
            self._listen(cluster.sim)
        self._listen(story.world.broker)

    def _listen(self, server: SimCluster) -> None:
        server._storage.subscribe_all(lambda bucket, event: self._wrote(server.name, bucket, event))

    def _wrote(self, server: str, bucket: Bucket, event: Event) -> None:
        try:
            sent = self._sent.get(asyncio.current_task())
        except RuntimeError:
            return
        if sent is None:
            return
        kind = bucket[1]
        if kind == "leases":
            self._restored.discard(server)
        if kind not in NOT_WORK:
            self.writes[server, kind] += 1
            self._judge_fence(sent, server, event)
        if server == "broker":
            self._judge_broker(sent, kind, event)
        else:
            self._judge_member(sent, server, kind, event)

    def _judge_broker(self, sent: Sent, kind: str, event: Event) -> None:
        if kind not in OF_MEMBERS or event.last.namespace != f"mcs-member-{sent.cluster}":
            self._fault("I-OWN-NAMESPACE", sent, f"wrote {kind} {event.last.key} on the broker")
        elif kind == "memberclusters" and not _only_status(event):
            self._fault("I-UNMARKED", sent, f"wrote more than the status of MemberCluster {event.last.key}")

    def _judge_member(self, sent: Sent, server: str, kind: str, event: Event) -> None:
        if server != sent.cluster:
            self._fault("I-OWN-NAMESPACE", sent, f"wrote in {server}")
        elif kind == "serviceexports":
            if not _only_status(event):
                self._fault(
                    "I-UNMARKED", sent, f"wrote more than the status of ServiceExport {event.last.key}"
                )
        elif kind in MARKERS:
            for one in (event.before, event.after):
                if one is not None and not _is_marked(one.object, MARKERS[kind]):
                    self._fault("I-UNMARKED", sent, f"wrote {kind} {one.key}, which has no marker of ours")
        elif kind not in OWN_KINDS:
            self._fault("I-UNMARKED", sent, f"wrote {kind} {event.last.key}")

    def _judge_fence(self, sent: Sent, server: str, event: Event) -> None:
        if event.before is not None and not _names_version(sent):
            self._fault(
                "I-FENCE", sent, f"{sent.request.method} of {event.last.key} in {server} names no version"
            )
        if sent.late or sent.cluster in self._restored:
            return
        if sent.cluster not in self._story.world.layout.replicas:
            return
        holder = self._holder(sent.cluster)
        if holder not in ("", sent.agent):
            self._fault("I-FENCE", sent, f"wrote {event.last.key} in {server}; {holder} has the lease")

    def restored(self, cluster: str) -> None:
        """Its Lease is an older one, too, which says nothing until somebody writes it."""
        self._restored.add(cluster)

    def _holder(self, cluster: str) -> str:
        storage = self._story.world[cluster].sim._storage
        lease = storage.get(("coordination.k8s.io", "leases"), LEASE_NAMESPACE, LEASE_NAME)
        return "" if lease is None else str(lease.object["spec"].get("holderIdentity") or "")

    def _fault(self, invariant: str, sent: Sent, text: str) -> None:
        self._story.fault(invariant, f"{sent.agent} {text}")


def _is_marked(body: Object, label: str) -> bool:
    return (body["metadata"].get("labels") or {}).get(label) == MANAGED_BY


def _only_status(event: Event) -> bool:
    if event.before is None or event.after is None:
        return False
    return _without_status(event.before.object) == _without_status(event.after.object)


def _without_status(body: Object) -> Object:
    metadata = {
        key: value
        for key, value in body["metadata"].items()
        if key not in ("resourceVersion", "managedFields")
    }
    return {key: value for key, value in body.items() if key != "status"} | {"metadata": metadata}


def _names_version(sent: Sent) -> bool:
    body: Any = json.loads(sent.request.body or b"{}")
    if sent.request.method == "DELETE":
        asked = body.get("preconditions") or {}
        return bool(asked.get("resourceVersion"))
    return bool((body.get("metadata") or {}).get("resourceVersion"))

"""Shows the observer every moment of a simulated clusterset: each write of a member is a look, as it is done.

What it finds becomes a fault of the story, named by its invariant. A fault that was done to one member alone
and shows in what others have of others is named I-BLAST.
"""

from __future__ import annotations

from collections import defaultdict

from mcs_controller.api.names import LABEL_SERVICE_NAME, LABEL_SOURCE_CLUSTER
from mcs_controller.api.resources import ENDPOINT_SLICES
from mcs_controller.clusterset.model import ServiceKey
from mcs_controller.simcluster.cluster import SimCluster
from mcs_controller.simcluster.storage.versions import Bucket, Event, Object
from tests.simulation.rules import IMPORTS
from tests.simulation.story import Story
from tests.simulation.zones import Tell
from tests.support.observer.findings import CLUSTERS, DNS, HOLE, IMPORT_GONE, IP_CHANGED, LEFTOVER, STRANGER
from tests.support.observer.observer import Finding, Import, Observer

INVARIANTS = {
    HOLE: "I-ENDPOINTS",
    IP_CHANGED: "I-IP",
    IMPORT_GONE: "I-IMPORT",
    DNS: "I-DNS",
    CLUSTERS: "I-CLUSTERS",
    STRANGER: "I-STRANGER",
    LEFTOVER: "I-LEFTOVER",
}

LOSSES = (HOLE, IP_CHANGED, IMPORT_GONE, DNS)
"""What one member's fault may not do to what others have of others: then it is named I-BLAST."""

SAID_NOTHING = "is said to have nothing"


class Moments:
    """Tells the observer; `judge` turns what it found since the last time into faults."""

    def __init__(self, story: Story) -> None:
        self.observer = Observer(story.expected, story.now)
        self._story = story
        self._told = 0
        self._excused: list[Finding] = []
        """Those that may be out of date so far, and last."""
        self._shown: defaultdict[tuple[str, str], set[str]] = defaultdict(set)
        """All IPs and addresses that a cluster ever showed of a service: what DNS may be out of date with."""
        self._invented: set[tuple[str, str]] = set()
        for cluster in story.world:
            self._follow(cluster.name, cluster.sim)

    def listener(self, cluster: str) -> Tell:
        """For the zone of a cluster."""

        def tell(service: ServiceKey, addresses: frozenset[str]) -> None:
            self._answered(cluster, str(service), addresses)

        return tell

    def look_again(self, cluster: str) -> None:
        """After a restore, which is no write."""
        sim = self._story.world[cluster].sim
        for service in sorted(self._story.expected.services()):
            self._look(cluster, sim, service)

    def hear_again(self) -> None:
        """What each zone says now: while nothing was asked of a name, nobody kept what was said of it."""
        for cluster, zone in self._story.world.zones.items():
            if not zone.is_open:
                continue
            for service in sorted(self._story.expected.services()):
                addresses = zone.addresses(ServiceKey(*service.split("/")))
                self._answered(cluster, service, addresses)

    def judge(self) -> None:
        found = self.observer.findings
        unjudged = [*self._excused, *found[self._told :]]
        self._told = len(found)
        self._excused = [one for one in unjudged if one.ended_seconds is None and self._may_be_stale(one)]
        for one in unjudged:
            if one.kind == DNS and one.what.endswith("offered by nobody"):
                continue  # the IP of a service that became headless goes in time: `Quiet` sees to that
            if self._may_be_stale(one):
                continue
            invariant = "I-BLAST" if self._has_spread(one) else INVARIANTS[one.kind]
            self._story.fault(
                invariant, f"{one.place}: {one.service} {one.what}", at_seconds=one.began_seconds
            )

    def _has_spread(self, finding: Finding) -> bool:
        """Whether something was done to one member alone, and others lose what they have of others.

        An endpoint is of those who offer it; the rest of a service is of all who ever exported it.
        """
        struck = self._story.struck
        if finding.kind not in LOSSES or len(struck) != 1 or struck & {"", finding.place}:
            return False
        exporters = self._story.expected.ever_exporters(finding.service)
        if finding.kind == HOLE:
            address = finding.what.partition(" ")[0]
            exporters = frozenset(self._story.expected.exporters_of(finding.service, address))
        return bool(exporters) and not struck & exporters

    def _answered(self, cluster: str, service: str, addresses: frozenset[str]) -> None:
        if not addresses <= self._shown[cluster, service]:
            self._invented.add((cluster, service))
        self.observer.answered(cluster, service, addresses)

    def _may_be_stale(self, finding: Finding) -> bool:
        """What DNS says was true before, and the server had no way to know better, or not yet."""
        if finding.kind != DNS or SAID_NOTHING in finding.what:
            return False
        if (finding.place, finding.service) in self._invented:
            return False
        ended_seconds = self._story.now() if finding.ended_seconds is None else finding.ended_seconds
        return self._story.dns.may_be(finding.place, finding.began_seconds, ended_seconds)

    def _follow(self, cluster: str, sim: SimCluster) -> None:
        def wrote(bucket: Bucket, event: Event) -> None:
            if bucket[1] not in ("serviceimports", "endpointslices"):
                return
            for one in (event.before, event.after):
                if one is not None and (service := _service_of(bucket, one.object)):
                    self._look(cluster, sim, service)

        sim._storage.subscribe_all(wrote)

    def _look(self, cluster: str, sim: SimCluster, service: str) -> None:
        namespace, _, name = service.partition("/")
        imported = sim._storage.get((IMPORTS.group, IMPORTS.plural), namespace, name)
        uid, ips, clusters = "", (), None
        if imported is not None:
            body = imported.object
            uid = body["metadata"]["uid"]
            ips = tuple(body["spec"].get("ips") or ())
            clusters = frozenset(one["cluster"] for one in (body.get("status") or {}).get("clusters", ()))
        ready: set[str] = set()
        for stored in sim._storage.select(_SLICES, namespace):
            if _service_of(_SLICES, stored.object) == service:
                for endpoint in stored.object.get("endpoints") or ():
                    if (endpoint.get("conditions") or {}).get("ready", True):
                        ready.update(endpoint["addresses"])
        self._shown[cluster, service].update(ips, ready)
        shown = Import(uid, ips, frozenset(ready), clusters) if uid or ready else None
        self.observer.saw(cluster, service, shown)


_SLICES: Bucket = (ENDPOINT_SLICES.group, ENDPOINT_SLICES.plural)


def _service_of(bucket: Bucket, body: Object) -> str:
    """The service that an import or an imported slice is of, "" for other slices."""
    metadata = body["metadata"]
    if bucket[1] == "serviceimports":
        return f"{metadata['namespace']}/{metadata['name']}"
    labels = metadata.get("labels") or {}
    if LABEL_SOURCE_CLUSTER not in labels:
        return ""
    return f"{metadata['namespace']}/{labels.get(LABEL_SERVICE_NAME, '')}"

"""What a running demo prints: where everything is, and commands to try, each ready to be pasted.

Every command stands on one line of its own, works as printed in any directory, and needs nothing but `dig`,
`kubectl`, `curl` and this program. Lines that begin with # are for people; a shell takes them for comments.
"""

import json
import shlex
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from mcs_controller.api.names import CLUSTERSET_PROPERTY
from mcs_controller.cli.demo.agent_process import MEMBER_TIMEOUT_SECONDS
from mcs_controller.cli.demo.breaking import STOPPED
from mcs_controller.cli.demo.clusterset import DemoClusterset
from mcs_controller.cli.demo.sites import BROKER, NAMESPACE, ZONE
from mcs_controller.cli.demo.workload import DB, service_export
from mcs_controller.install.rights import INVENTORY


class Place(NamedTuple):
    """Where one cluster of the demo is; the broker has neither page nor DNS nor metrics."""

    name: str
    kubeconfig: Path
    dns_port: int = 0
    http_port: int = 0
    page_port: int = 0


class Hint(NamedTuple):
    """Commands that show one thing."""

    shows: str
    commands: tuple[str, ...]


def places(demo: DemoClusterset) -> list[Place]:
    """Of every cluster, the broker last."""
    members = [
        Place(
            cluster.name,
            cluster.api.kubeconfig,
            cluster.dns_address[1],
            cluster.http_port,
            cluster.page_port,
        )
        for cluster in demo.clusters
    ]
    return [*members, Place(BROKER, demo.broker.kubeconfig)]


def table(all_places: Sequence[Place]) -> list[str]:
    """The places in columns."""
    rows = [("CLUSTER", "STATUS PAGE", "DNS", "METRICS", "KUBECONFIG")]
    for place in all_places:
        page = f"http://127.0.0.1:{place.page_port}/" if place.page_port else "-"
        dns = f"127.0.0.1:{place.dns_port}" if place.dns_port else "-"
        metrics = f"http://127.0.0.1:{place.http_port}/metrics" if place.http_port else "-"
        rows.append((place.name, page, dns, metrics, str(place.kubeconfig)))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    ]


def hints(all_places: Sequence[Place]) -> Iterator[Hint]:
    """What to try, for places as `places` returns them."""
    *members, broker = all_places
    east, west, last = members[0], members[1], members[-1]
    db_slice = f"{DB.name}-{east.name}"
    not_ready = json.dumps([{"op": "replace", "path": "/endpoints/0/conditions/ready", "value": False}])
    export = json.dumps(service_export("cart"), separators=(",", ":"))
    clusterset = f"clusterproperty {CLUSTERSET_PROPERTY}"
    another = json.dumps({"spec": {"value": "another"}})

    yield Hint(
        "one name, and in every cluster a clusterset IP of its own for it",
        tuple(_dig(place, "web") for place in members[:3]),
    )
    yield Hint(
        "a headless service: every pod of both clusters, one pod by its name, ports",
        (_dig(last, "db"), _dig(last, f"db-0.{west.name}.db"), _dig(last, "_postgres._tcp.db", "SRV")),
    )
    yield Hint(
        "what has been exported and imported",
        (
            _kubectl(east, "get serviceexports,serviceimports,endpointslices -A"),
            _kubectl(last, "get serviceimports -A -w"),
            _kubectl(broker, "get memberclusters,exportedservices,exportedendpointslices -A"),
            _kubectl(east, "explain serviceexport.status.conditions"),
        ),
    )
    yield Hint(
        "the inventory: which clusters there are, and how they are; other tools read the same",
        (_kubectl(broker, f"get clusterprofiles -n {INVENTORY}"), _clusters(broker)),
    )
    yield Hint(
        "what a cluster says of itself, here its id and its clusterset; who edits those finds them put back",
        (
            _kubectl(east, "get clusterproperties"),
            _kubectl(east, f"patch {clusterset} --type=merge -p {shlex.quote(another)}"),
            _kubectl(east, f"get {clusterset}"),
        ),
    )
    yield Hint(
        "the status page of a cluster; open it in a browser: it is kept up to date",
        (f"curl -s http://127.0.0.1:{last.page_port}/ | grep '<h1>'",),
    )
    yield Hint("all of it at a glance; with --watch it is kept up to date", (_status(members[:3], broker),))
    yield Hint(
        "why a service works in a cluster, or does not, and what to do about it",
        (_explain(last, "web"), _explain(last, "cart")),
    )
    yield Hint(
        "a conflict that both exporters are told of; it ends when one of them unexports, and comes back",
        (
            _kubectl(east, f"describe serviceexport cart -n {NAMESPACE}"),
            _kubectl(west, f"delete serviceexport cart -n {NAMESPACE}"),
            _kubectl(east, f"get serviceexport cart -n {NAMESPACE} -o yaml"),
            f"echo {shlex.quote(export)} | {_kubectl(west, 'apply -f -')}",
            _kubectl(west, f"edit serviceexport cart -n {NAMESPACE}"),
        ),
    )
    yield Hint(
        f"a pod of {east.name} that is no longer ready leaves the answers in {last.name}",
        (
            _kubectl(
                east,
                f"patch endpointslice {db_slice} -n {NAMESPACE} --type=json -p {shlex.quote(not_ready)}",
            ),
            _dig(last, "db"),
        ),
    )
    yield Hint(
        f"the agent of {west.name} dies, as in a crash; why that shows in {last.name}, and in the inventory; "
        "and it lives again",
        (
            f"touch {_switch(west, STOPPED)}",
            f"{_explain(last, 'web')} --member-timeout-seconds {MEMBER_TIMEOUT_SECONDS:g}",
            _kubectl(broker, f"get clusterprofiles -n {INVENTORY}"),
            f"rm {_switch(west, STOPPED)}",
        ),
    )
    yield Hint(
        "the broker is away for everybody, and names go on; and it is back",
        (
            f"touch {_switch(broker, STOPPED)}",
            _dig(last, "web"),
            f"rm {_switch(broker, STOPPED)}",
        ),
    )
    yield Hint(
        "metrics and health",
        (
            f"curl -s 127.0.0.1:{east.http_port}/metrics | grep -E '^mcs_(exports|imports|member)'",
            f"curl -s 127.0.0.1:{last.http_port}/metrics | grep ^mcs_export_to_import_seconds",
            f"curl -s '127.0.0.1:{east.http_port}/readyz?verbose'",
        ),
    )


def lines(all_places: Sequence[Place]) -> Iterator[str]:
    """The whole text."""
    yield from table(all_places)
    yield ""
    yield "Try, in another terminal:"
    for hint in hints(all_places):
        yield ""
        yield f"# {hint.shows}"
        yield from hint.commands


def _dig(place: Place, name: str, type: str = "") -> str:
    words = [f"dig @127.0.0.1 -p {place.dns_port}", type, f"{name}.{NAMESPACE}.svc.{ZONE}", "+short"]
    return " ".join(word for word in words if word)


def _explain(place: Place, name: str) -> str:
    program = f"{shlex.quote(sys.executable)} -m mcs_controller"
    options = f"--kubeconfig {shlex.quote(str(place.kubeconfig))} --dns 127.0.0.1:{place.dns_port}"
    return f"{program} explain {NAMESPACE}/{name} {options}"


def _clusters(broker: Place) -> str:
    return shlex.join(
        [sys.executable, "-m", "mcs_controller", "clusters", "--kubeconfig", str(broker.kubeconfig)]
    )


def _kubectl(place: Place, command: str) -> str:
    return f"kubectl --kubeconfig {shlex.quote(str(place.kubeconfig))} {command}"


def _switch(place: Place, what: str) -> str:
    return shlex.quote(str(place.kubeconfig.with_suffix(f".{what}")))


def _status(members: Sequence[Place], broker: Place) -> str:
    words = [sys.executable, "-m", "mcs_controller", "status", "--broker-kubeconfig", str(broker.kubeconfig)]
    words += ["--member-timeout-seconds", f"{MEMBER_TIMEOUT_SECONDS:g}"]
    for place in members:
        metrics = f"{place.name}=http://127.0.0.1:{place.http_port}/metrics"
        words += ["--kubeconfig", str(place.kubeconfig)]
        words += ["--agent-metrics", metrics, "--dns-metrics", metrics]
    return shlex.join(words)

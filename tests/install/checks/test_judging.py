"""Each check of `mcs-controller check`, on facts of which one is changed."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

import pytest

from mcs_controller.clusterset.model import Condition, ServiceKey
from mcs_controller.install.checks.facts import (
    Answers,
    BrokerFacts,
    ClusterFacts,
    Credential,
    DnsFacts,
    Facts,
    Lease,
    PolicyFacts,
    Reached,
    Review,
    Silent,
    SliceFacts,
)
from mcs_controller.install.checks.judging import CHECKS, judge, needs_another_look, worst
from mcs_controller.install.checks.model import Finding, Notes, Outcome, Unknown, some
from mcs_controller.kube.connection.lifetime import Lifetime
from tests.install.checks.healthy import (
    BROKER,
    CRDS,
    DEAD,
    DNS_IP,
    FACTS,
    FRESH,
    MCS,
    NOW,
    OLD,
    WEB,
    after,
    broker,
    cluster,
    configured,
    corefile,
    dns,
    imported,
    kube_proxy,
    member,
    members,
    policy,
    profiles_of,
    ready,
    service,
    stored,
)
from tests.install.cluster_dns.corefiles import KUBEADM, NODE_LOCAL

EXPORTS, IMPORTS = sorted(MCS)
WHY = Unknown("for a reason")
ORPHAN = ServiceKey("shop", "gone")
BY_HAND = "clusterset.local:53 {{\n    forward . {}\n}}\n"
DIFFERENT = Answers(
    8, {("web.shop.svc.clusterset.local.", "A"): "web: expected 10.96.0.1, found no such name"}
)


def outcome(id: str, facts: Facts) -> Outcome:
    (found,) = (one.judge(facts) for one in CHECKS if one.id == id)
    return found


def test_what_restores_several_rights_is_said_once() -> None:
    facts = cluster(agent_rights=lacking("get x"), properties_rights=lacking("get y"))
    told = outcome("MCS-CHK-03", facts)
    assert told.todo.count("`helm upgrade` restores them") == 1
    assert "--controllers='*,-properties'" in told.todo


@pytest.mark.parametrize(("ahead_seconds", "result"), [(-3600.0, "ok"), (0.0, "failed"), (None, "failed")])
def test_whether_a_credential_has_ended_is_a_question_of_the_brokers_clock(
    ahead_seconds: float | None, result: str
) -> None:
    assert isinstance(FACTS.broker.credential, Credential)
    ended = replace(FACTS.broker.credential, lifetime=Lifetime(NOW - 10_000, NOW - 60))
    facts = broker(credential=ended, ahead_seconds=ahead_seconds)
    assert outcome("MCS-CHK-06", facts).result == result


def credential(lifetime: Lifetime | None) -> Facts:
    assert isinstance(FACTS.broker.credential, Credential)
    return broker(credential=replace(FACTS.broker.credential, lifetime=lifetime))


def no_id(**changes: Any) -> Facts:
    """Nothing but its UID says which member this cluster is."""
    return broker(credential=None, slices=(), **changes)


def lifetime(*, issued: float, expires: float) -> Facts:
    return credential(Lifetime(issued, expires))


def reached(as_what: Any) -> Facts:
    return broker(reached=Reached(as_what, "it said so"))


def broken_definition(name: str, **changes: Any) -> dict[str, Any]:
    return {**CRDS, name: {**CRDS[name], **changes}}


def policies(*exports: PolicyFacts) -> Facts:
    return cluster(policies={"ExportPolicy": exports, "ImportPolicy": ()})


def said(
    id: str | None, clusterset: str | None, named: str, *, about: tuple[str, ...] = ("v1beta1",)
) -> Facts:
    """The two properties, and the clusterset that the broker names."""
    found = cluster(about=about, property_id=id, property_clusterset=clusterset)
    members = (member("east", clusterset=named), member("west"))
    return replace(found, broker=replace(found.broker, members=members))


def bulk(policy: PolicyFacts) -> Facts:
    return cluster(policies={"ExportPolicy": (), "ImportPolicy": (), "ServiceExportPolicy": (policy,)})


def lacking(*rights: str, has: tuple[str, ...] = ("get namespaces",)) -> tuple[Review, ...]:
    return (*(Review("a/b", one, False) for one in rights), *(Review("a/b", one, True) for one in has))


NOT_STORED = {**CRDS[IMPORTS]["spec"], "versions": [{"name": "v1alpha1", "served": True, "storage": True}]}
NOT_ESTABLISHED = {"conditions": [{"type": "Established", "status": "False", "message": "names clash"}]}
OLDER = {**CRDS, EXPORTS: stored(CRDS[EXPORTS], **{"multicluster.x-k8s.io/release-version": "v0.4.0"})}
NEWER = {**CRDS, EXPORTS: stored(CRDS[EXPORTS], **{"multicluster.x-k8s.io/release-version": "v9.0.0"})}
MEMBER_CLUSTERS = "memberclusters.broker.mcs-controller.io"

NOT_MADE = PolicyFacts(
    "shop/a",
    1,
    (
        Condition("Accepted", "True", "Accepted", "", 1),
        Condition("Ready", "False", "Failed", "a quota is used up", 1),
    ),
)

BROKEN: list[tuple[str, Facts, str, str]] = [
    ("01", cluster(version=Unknown("this cluster: refused", tried=True)), "failed", "this cluster: refused"),
    ("01", cluster(version="v1.26.9"), "warning", "v1.26.9 is older than 1.27"),
    ("02", cluster(served=()), "failed", "serves neither v1beta1 nor v1alpha1"),
    ("02", cluster(served=("v1alpha1",)), "warning", "serves v1alpha1 only"),
    (
        "02",
        cluster(crds={**CRDS, IMPORTS: None}),
        "failed",
        "serviceimports.multicluster.x-k8s.io is not inst",
    ),
    ("02", cluster(crds=OLDER), "warning", "older than ours (v0.5.0 revision"),
    ("02", cluster(crds=broken_definition(IMPORTS, status=NOT_ESTABLISHED)), "failed", "names clash"),
    (
        "02",
        cluster(crds=broken_definition(IMPORTS, spec=NOT_STORED)),
        "warning",
        "stores v1alpha1, ours stores",
    ),
    ("03", cluster(agent_rights=lacking("list services")), "failed", "a/b lacks 1 right: list services"),
    ("03", cluster(agent_rights=lacking("one", "two", has=())), "failed", "a/b has none of the 2 rights"),
    ("03", cluster(properties_rights=lacking("get x")), "warning", "controller `properties` lacks: get x"),
    ("04", cluster(dns_rights=lacking("watch endpointslices")), "failed", "a/b lacks 1 right"),
    ("05", reached("no credential"), "failed", "it said so"),
    ("05", reached("unusable"), "failed", "it said so"),
    ("05", reached("unreachable"), "failed", "no answer from https://broker:6443, with the credential in"),
    ("05", reached("refused"), "failed", "does not accept it"),
    ("05", reached("forbidden"), "failed", "it is not that of member east"),
    ("05", reached("no member"), "failed", "the broker has no MemberCluster east"),
    ("05", reached("error"), "failed", "it said so"),
    (
        "06",
        lifetime(issued=NOW - 100, expires=NOW - 60),
        "failed",
        "it ended 1m ago, at 2027-01-15T07:59:00Z",
    ),
    ("06", lifetime(issued=NOW - 86, expires=NOW + 14), "warning", "it ends in 14s"),
    ("06", cluster(renewal_rights=lacking("patch secrets")), "warning", "the agent may not renew it itself"),
    ("07", broker(kinds=frozenset({"memberclusters"})), "failed", "exportedservices, exportedendpointslices"),
    ("07", broker(crds={**BROKER, MEMBER_CLUSTERS: None}), "failed", f"{MEMBER_CLUSTERS} is not installed"),
    ("08", broker(rights=lacking("list exportedservices")), "failed", "a/b lacks 1 right"),
    ("08", broker(too_many=lacking(has=("get secrets",))), "failed", "a/b has more rights"),
    ("09", broker(ahead_seconds=-100.0), "failed", "this cluster's API server is 100 s ahead of the broker"),
    ("09", broker(ahead_seconds=20.0), "warning", "this cluster's API server is 20 s behind the broker"),
    ("09", cluster(ahead_seconds=20.0), "warning", "this cluster's API server is 20 s ahead of this machine"),
    (
        "09",
        cluster(lease=Lease("a", "2027-01-15T08:01:00Z", 15.0)),
        "warning",
        "the agent's node is 60 s ahead",
    ),
    ("09", members(member("west", "2027-01-15T08:02:00Z")), "warning", "agent of west is 120 s ahead"),
    ("10", broker(members=(member("west"),)), "failed", "the broker has no MemberCluster east"),
    ("10", cluster(uid="uid-other"), "failed", "east is used by another cluster (UID uid-east"),
    ("10", members(member("west", cluster_uid="uid-east")), "warning", "east and west are the same cluster"),
    (
        "10",
        configured(FACTS, cluster_id="north"),
        "failed",
        "--cluster-id says north; the credential in Secret",
    ),
    ("10", cluster(property_id="north"), "failed", "ClusterProperty cluster.clusterset.k8s.io says north"),
    ("10", broker(unreadable_members=("mcs-member-x/x",)), "warning", "mcs-member-x/x cannot be read"),
    ("11", members(member("west", DEAD)), "failed", "west is dead: its last heartbeat was 9m ago"),
    ("11", broker(members=(member("east", DEAD), member("west"))), "failed", "east is dead"),
    ("11", members(member("west", OLD)), "warning", "west is silent: its last heartbeat was 39s ago"),
    ("11", members(member("west", "")), "warning", "west has never been heard of"),
    ("11", members(member("west", DEAD, leaving=OLD)), "warning", "west is leaving, or has left, since 2027"),
    ("11", members(member("west", "2027-01-15T09:00:00Z")), "warning", "3600 s in the future"),
    ("11", members(), "warning", "west exports services that are imported here"),
    ("11", broker(members=()), "warning", "the broker has no members"),
    ("12", members(member("west", version="0.3.1")), "warning", "0.1.0: east; 0.3.1: west"),
    (
        "12",
        replace(FACTS, version="0.2.0"),
        "warning",
        "this command is 0.2.0, the agent of this cluster is 0.1",
    ),
    ("13", cluster(lease=None), "failed", "there is no Lease mcs-system/mcs-agent"),
    ("13", cluster(lease=Lease("", FRESH, 1.0)), "failed", "has no holder"),
    ("13", cluster(lease=Lease("pod-a", DEAD, 15.0)), "failed", "pod-a has not renewed it, last 10m ago"),
    (
        "14",
        cluster(imports=(imported(held="MassWithdrawal"),)),
        "warning",
        "1 import is held, MassWithdrawal: sho",
    ),
    ("15", cluster(imports=()), "warning", "1 derived Service without an import: shop/derived-web"),
    ("15", cluster(imports=()), "warning", "1 EndpointSlice without an import: shop/web-west"),
    ("15", cluster(imports=(imported(), imported(ORPHAN))), "warning", "which no cluster exports: shop/gone"),
    ("16", broker(namespaces=frozenset({"mcs-member-gone"})), "warning", "namespaces of no member: gone"),
    (
        "16",
        broker(records=frozenset({("gone", WEB)})),
        "warning",
        "exports of clusters that are no members: gone",
    ),
    ("17", cluster(config_maps={"coredns": corefile()}), "failed", "does not forward clusterset.local"),
    (
        "17",
        cluster(config_maps={"coredns": corefile("10.96.0.9")}),
        "failed",
        "to another address than 10.96.0.53",
    ),
    (
        "17",
        cluster(
            config_maps={"coredns": corefile(DNS_IP), "node-local-dns": {"data": {"Corefile": NODE_LOCAL}}}
        ),
        "failed",
        "ConfigMap node-local-dns, Corefile: does not forward",
    ),
    (
        "17",
        cluster(config_maps={"coredns": {"data": {"Corefile": KUBEADM + BY_HAND.format("10.9.9.9")}}}),
        "failed",
        "forwards clusterset.local to 10.9.9.9, and our DNS servers are at 10.96.0.53",
    ),
    (
        "17",
        cluster(
            config_maps={
                "coredns": {"data": {"Corefile": KUBEADM.replace("ready", "multicluster clusterset.local")}}
            }
        ),
        "warning",
        "CoreDNS itself answers clusterset.local",
    ),
    (
        "17",
        cluster(config_maps={"kube-dns": {"data": {}}}),
        "failed",
        "kube-dns, stubDomains: does not forward",
    ),
    (
        "17",
        cluster(config_maps={"coredns": {"data": {"Corefile": "{"}}}),
        "warning",
        "ConfigMap coredns, Corefile",
    ),
    ("18", cluster(dns_service=None), "failed", "there is no Service mcs-system/mcs-dns"),
    ("18", cluster(dns_service=service((53, "UDP"))), "failed", "has no port 53/TCP"),
    ("18", cluster(dns_slices=(ready("UDP"),)), "failed", "is ready over TCP"),
    ("18", cluster(dns_slices=(ready("UDP", "TCP", ready=False),)), "failed", "is ready over UDP"),
    ("19", dns(udp=DIFFERENT), "failed", "1 answer of 8 differs from the imports: web: expected 10.96.0.1"),
    ("19", dns(udp=Silent("no answer")), "failed", "10.96.0.53:53 over UDP: no answer"),
    ("19", configured(dns(udp=Silent("x"), tcp=Silent("x")), in_pod=True), "failed", "over UDP: x"),
    (
        "19",
        configured(dns(udp=Silent("x"), tcp=Silent("x")), dns_server="127.0.0.1:53"),
        "failed",
        "over UDP",
    ),
    ("20", dns(tcp=DIFFERENT), "failed", "over TCP: 1 answer of 8 differs"),
    ("20", dns(tcp=Silent("refused")), "failed", "10.96.0.53:53 over TCP: refused"),
    (
        "21",
        configured(dns(through=DIFFERENT), in_pod=True),
        "failed",
        "10.96.0.10:53: web: expected",
    ),
    ("21", configured(dns(through=Silent("x")), in_pod=True), "failed", "10.96.0.10:53: x"),
    ("21", configured(dns(through=Silent("x")), cluster_dns="127.0.0.1:53"), "failed", "10.96.0.10:53: x"),
    ("22", members(member("west", allowed_cidrs=("10.1.1.0/25",))), "failed", "west may use 10.1.1.0/25"),
    (
        "22",
        cluster(slices=(SliceFacts(WEB, "w", "west", ("10.1.0.4",)),)),
        "failed",
        "west exports 1 endpoint in this cluster's pod network: 10.1.0.4",
    ),
    (
        "22",
        members(
            member("west", allowed_cidrs=("10.2.0.0/16",)), member("north", allowed_cidrs=("10.2.8.0/24",))
        ),
        "warning",
        "north and west may both use 10.2.8.0/24",
    ),
    (
        "22",
        broker(slices=(SliceFacts(WEB, "a", "north", ("10.2.0.7",)),)),
        "failed",
        "north and west both export 10.2.0.7",
    ),
    (
        "22",
        cluster(pod_cidrs=("10.9.0.0/24",)),
        "warning",
        "10.9.0.0/24, which its MemberCluster does not allow",
    ),
    (
        "23",
        cluster(kube_proxy=kube_proxy("mode: ipvs")),
        "warning",
        "mode ipvs: Kubernetes has deprecated it",
    ),
    ("23", cluster(kube_proxy=kube_proxy("mode: userspace")), "warning", "mode userspace is not known"),
    (
        "23",
        cluster(kube_proxy=kube_proxy("iptables: {minSyncPeriod: 30s}")),
        "warning",
        "minSyncPeriod is 30 s",
    ),
    ("23", cluster(kube_proxy=kube_proxy("{")), "warning", "has no configuration that can be read"),
    ("23", cluster(kube_proxy=kube_proxy("!!bool x")), "warning", "has no configuration that can be read"),
    ("23", cluster(kube_proxy={"data": {}}), "warning", "has no configuration that can be read"),
    (
        "24",
        policies(policy("a", accepted=None), policy("b", accepted=None)),
        "warning",
        "no agent goes by 2 ExportPolicies: a, b",
    ),
    ("24", policies(policy("a", generation=2)), "warning", "no agent goes by 1 ExportPolicy: a"),
    ("24", policies(policy("a", accepted="False")), "warning", "ExportPolicy a: for a reason"),
    ("24", policies(policy("a", held="9 would end")), "warning", "ExportPolicy a is held: 9 would end"),
    ("24", bulk(policy("shop/a", accepted=None)), "warning", "by 1 ServiceExportPolicy: shop/a"),
    ("24", bulk(NOT_MADE), "warning", "ServiceExportPolicy shop/a: a quota is used up"),
    ("25", said(None, "prod", "prod"), "failed", "clusterset.k8s.io is prod, and cluster.clusterset"),
    (
        "25",
        said("east", "test", "prod"),
        "failed",
        "clusterset.k8s.io is test, and the broker is that of prod",
    ),
    ("25", said("east", None, "prod"), "warning", "clusterset.k8s.io is not set, and the broker says"),
    ("25", said(None, None, "prod"), "warning", "cluster.clusterset.k8s.io is not set, and the broker says"),
    ("25", said("east", "prod", ""), "warning", "is prod, and the broker names no clusterset"),
    ("25", said(None, None, "prod", about=()), "warning", "does not serve ClusterProperty, and the broker"),
    (
        "25",
        replace(said("east", "prod", ""), broker=replace(FACTS.broker, members=(member("west"),))),
        "warning",
        "is prod, and the broker does not know this cluster",
    ),
    ("26", broker(hub_lease=None), "failed", "no Lease mcs-system/mcs-hub: nobody keeps them"),
    ("26", broker(hub_lease=Lease("", FRESH, 15.0)), "failed", "no hub leads now"),
    ("26", broker(hub_lease=Lease("hub-0", OLD, 15.0)), "failed", "hub-0 has not renewed it"),
    ("26", broker(profiles=()), "warning", "2 members without a ClusterProfile: east, west"),
    ("26", broker(profiles=profiles_of("east")), "warning", "1 member without a ClusterProfile: west"),
]


def test_ids_are_counted_up_and_never_used_twice() -> None:
    assert [one.id for one in CHECKS] == [f"MCS-CHK-{number:02}" for number in range(1, len(CHECKS) + 1)]


@pytest.mark.parametrize("check", CHECKS, ids=lambda one: one.id)
def test_where_all_is_well_each_check_is_ok_and_has_nothing_to_do(check: Any) -> None:
    found = check.judge(FACTS)
    assert (found.result, found.todo) == ("ok", ""), found
    assert found.evidence


@pytest.mark.parametrize(("id", "facts", "result", "says"), BROKEN)
def test_what_is_broken_is_told_with_what_to_do(id: str, facts: Facts, result: str, says: str) -> None:
    found = outcome(f"MCS-CHK-{id}", facts)
    assert found.result == result, found
    assert any(says in text for text in found.evidence), found
    assert found.todo


def test_every_check_can_say_that_something_is_wrong() -> None:
    assert {f"MCS-CHK-{id}" for id, *_ in BROKEN} == {one.id for one in CHECKS}


@pytest.mark.parametrize("check", CHECKS, ids=lambda one: one.id)
def test_without_facts_each_check_is_skipped_with_the_reason(check: Any) -> None:
    nothing = replace(
        FACTS, cluster=unknown(ClusterFacts), broker=unknown(BrokerFacts), dns=unknown(DnsFacts)
    )
    assert check.judge(nothing) == Outcome("skipped", ("for a reason",))


def unknown(kind: type[Any]) -> Any:
    kept = {"unreadable_members": (), "server": "", "cluster_dns": ""}
    return kind(**{field.name: kept.get(field.name, WHY) for field in fields(kind)})


@pytest.mark.parametrize(
    ("id", "facts", "says"),
    [
        ("02", cluster(crds=NEWER), "newer than ours, which is fine"),
        (
            "06",
            credential(None),
            "does not say",
        ),
        ("10", members(replace(member("x"), cluster_uid="")), "this cluster is east"),
        ("10", no_id(), "this cluster is east, and no other uses that id"),
        ("22", no_id(members=()), "not looked at: nothing says which member this cluster is"),
        ("22", no_id(), "pods of this cluster use 10.1.0.0/24"),
        ("11", after(members(member("west", FRESH)), members(member("west", DEAD))), "2 members alive"),
        ("13", after(cluster(lease=Lease("a", DEAD, 15.0)), FACTS), "a leads"),
        ("15", after(cluster(imports=(imported(), imported(ORPHAN))), FACTS), "belongs to one of 2 imports"),
        ("15", cluster(imports=(imported(), imported(ORPHAN, held="MassWithdrawal"))), "belongs to one of 2"),
        (
            "15",
            cluster(imports=(imported(), imported(ORPHAN)), exports=frozenset({ORPHAN})),
            "one of 2 imports",
        ),
        (
            "17",
            cluster(
                config_maps={"coredns": {"data": {"Corefile": KUBEADM + BY_HAND.format(f"{DNS_IP}:53")}}}
            ),
            "written by hand",
        ),
        ("19", after(dns(udp=DIFFERENT), FACTS), "all as the imports say"),
        ("23", cluster(kube_proxy=kube_proxy("mode: ''")), "mode iptables"),
        ("24", policies(), "there are none"),
        ("25", said("east", "prod", "prod"), "cluster.clusterset.k8s.io is east; clusterset.k8s.io is prod"),
        ("25", said(None, None, "", about=()), "is not installed, and nothing needs it"),
        ("25", said("east", None, ""), "clusterset.k8s.io is not set, and the broker names no clusterset"),
        (
            "25",
            replace(FACTS, broker=replace(FACTS.broker, members=(member("west"),))),
            "is not set, and the cluster is no member",
        ),
        # The second look is what counts: the agent has answered meanwhile, or the policy is new.
        ("24", after(policies(policy("a")), policies(policy("a", accepted=None))), "go by 1 policy"),
        ("24", after(policies(policy("a", accepted=None)), policies()), "go by 1 policy"),
        ("26", broker(hub_lease=None, profiles=()), "no hub keeps an inventory here"),
        ("26", after(broker(hub_lease=Lease("hub-0", DEAD, 15.0)), FACTS), "hub-0 leads"),
        (
            "26",
            after(broker(profiles=profiles_of("east")), broker(hub_lease=Lease("hub-0", OLD, 15.0))),
            "1 ClusterProfile of manager mcs-controller in the inventory",
        ),
        (
            "26",
            members(member("gone", leaving=FRESH), member("west")),
            "2 ClusterProfiles of manager mcs-controller in the inventory",
        ),
    ],
)
def test_what_looks_wrong_and_is_not_is_ok(id: str, facts: Facts, says: str) -> None:
    found = outcome(f"MCS-CHK-{id}", facts)
    assert (found.result, found.todo) == ("ok", ""), found
    assert any(says in text for text in found.evidence), found


@pytest.mark.parametrize(
    ("id", "facts", "says"),
    [
        ("05", broker(reached=WHY), "for a reason"),
        ("06", broker(credential=None), "see MCS-CHK-05"),
        ("09", replace(cluster(ahead_seconds=None), broker=BrokerFacts(ahead_seconds=None)), "tells no time"),
        ("12", broker(members=(member("east", version=""),)), "no agent has told its version yet"),
        ("17", cluster(config_maps={}), "has no ConfigMap of a cluster DNS that is known"),
        ("17", cluster(dns_service=None), "no cluster IP to compare with: see MCS-CHK-18"),
        (
            "19",
            dns(udp=Silent("no answer"), tcp=Silent("no answer")),
            "deploy/mcs-agent -- mcs-controller check`",
        ),
        ("21", dns(through=DIFFERENT), "From outside it is not known"),
        ("21", dns(through=Silent("no answer")), "exec deploy/mcs-agent -- mcs-controller check`"),
        ("23", cluster(kube_proxy=None), "something else serves cluster IPs"),
    ],
)
def test_what_cannot_be_known_is_skipped(id: str, facts: Facts, says: str) -> None:
    found = outcome(f"MCS-CHK-{id}", facts)
    assert (found.result, found.todo) == ("skipped", ""), found
    assert says in found.evidence[0]


def test_who_is_still_silent_at_the_second_look_is_dead_whatever_its_clock_says() -> None:
    west = members(member("west", DEAD))
    assert outcome("MCS-CHK-11", after(west, west)).result == "failed"
    lease = cluster(lease=Lease("a", DEAD, 15.0))
    assert outcome("MCS-CHK-13", after(lease, lease)).result == "failed"


def test_a_member_that_lives_with_a_wrong_clock_is_told_among_the_clocks() -> None:
    behind = after(
        members(member("west", "2027-01-15T07:50:12Z")), members(member("west", "2027-01-15T07:50:00Z"))
    )
    assert outcome("MCS-CHK-11", behind).result == "ok"
    assert "the agent of west is 600 s behind the broker" in outcome("MCS-CHK-09", behind).evidence
    lease = after(
        cluster(lease=Lease("a", "2027-01-15T07:50:12Z", 15.0)), cluster(lease=Lease("a", DEAD, 15.0))
    )
    assert (
        "the agent's node is 600 s behind its API server, by its Lease"
        in outcome("MCS-CHK-09", lease).evidence
    )


def test_on_the_broker_alone_ids_and_networks_of_all_members_are_judged() -> None:
    alone = replace(
        members(
            member("west", allowed_cidrs=("10.1.0.0/24",)), member("north", allowed_cidrs=("10.1.0.0/16",))
        ),
        cluster=unknown(ClusterFacts),
    )
    assert outcome("MCS-CHK-10", alone).evidence[0] == "3 members: east, west, north"
    assert outcome("MCS-CHK-22", alone).evidence[0] == "north and west may both use 10.1.0.0/24"


def test_only_what_may_be_over_soon_is_looked_at_again() -> None:
    found = judge(replace(members(member("west", DEAD)), version="0.2.0"))
    assert [one.id for one in needs_another_look(found)] == ["MCS-CHK-11"]


def test_the_worst_result_is_that_of_all() -> None:
    def finding(result: Any) -> Finding:
        return Finding("", "", "", False, Outcome(result, ()))

    for results, expected in (
        (("ok", "failed", "warning"), "failed"),
        (("ok", "skipped", "warning"), "warning"),
        (("ok", "skipped"), "ok"),
        (("skipped",), "skipped"),
    ):
        assert worst([finding(one) for one in results]) == expected


def test_notes_tell_the_worst_first_each_advice_once_and_what_is_not_known() -> None:
    notes = Notes()
    notes.ok("fine")
    notes.warning("hm", "Mend it.")
    notes.failed("broken", "Mend it.")
    assert notes.unknown(WHY, "known", WHY)
    assert not notes.unknown("known")
    assert notes.outcome() == Outcome(
        "failed", ("broken", "hm", "fine", "not looked at: for a reason"), "Mend it."
    )
    assert some(["a", "b", "c"], 2) == "a, b and 1 more"

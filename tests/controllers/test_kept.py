"""What is kept of one member is found without a look at what is kept of the others."""

from time import perf_counter

from mcs_controller.clusterset.model import ServiceKey, SliceContent, SourceSlice
from mcs_controller.controllers.services.stores.kept import Kept, KeptOfKind
from mcs_controller.kube.store import Entry, Store


def _kept(cluster: str, number: int) -> Kept[SourceSlice]:
    content = SliceContent("IPv4", (), ())
    value = SourceSlice(cluster, ServiceKey("shop", "web"), f"s{number}", content)
    entry = Entry(f"mcs-member-{cluster}", f"shop.s{number}", "uid", "1", value)
    return Kept(entry, "missing", 0.0, 0)


def _kind(**counts: int) -> KeptOfKind[SourceSlice]:
    kind: KeptOfKind[SourceSlice] = KeptOfKind(Store(index=lambda entry: entry.value.service), lambda _: None)
    for cluster, count in counts.items():
        for number in range(count):
            kind.keep(_kept(cluster, number))
    return kind


def test_each_look_at_a_member_costs_what_is_kept_of_that_member_only() -> None:
    alone, beside = _kind(east=10), _kind(east=10, mars=20_000)

    def seconds(kind: KeptOfKind[SourceSlice]) -> float:
        took = []
        for _ in range(20):
            began = perf_counter()
            found = kind.of_cluster("east")
            took.append(perf_counter() - began)
            assert len(found) == 10
        return min(took)

    assert seconds(beside) < 20 * seconds(alone)


def test_what_is_kept_of_a_member_is_forgotten_with_the_last() -> None:
    kind = _kind(east=2, mars=1)
    assert kind.clusters() == {"east", "mars"}

    kind.keep(_kept("mars", 0))
    kind.let_go(("mcs-member-mars", "shop.s0"))
    kind.let_go(("mcs-member-east", "shop.s1"))

    assert kind.clusters() == {"east"}
    assert kind.of_cluster("mars") == []
    assert [one.entry.name for one in kind.of_cluster("east")] == ["shop.s0"]

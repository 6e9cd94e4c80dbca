"""IP families of a merged service, and of a cluster that imports it."""

import pytest

from mcs_controller.clusterset.families import merge_families, servable
from mcs_controller.clusterset.model import AddressFamily, ImportType
from tests.clusterset.builders import record

FOUR: tuple[AddressFamily, ...] = ("IPv4",)
SIX: tuple[AddressFamily, ...] = ("IPv6",)
FOUR_SIX: tuple[AddressFamily, ...] = ("IPv4", "IPv6")
SIX_FOUR: tuple[AddressFamily, ...] = ("IPv6", "IPv4")


@pytest.mark.requirement("MCS-CON-12")
@pytest.mark.parametrize(
    ("import_type", "oldest_first", "merged", "conflict"),
    [
        ("ClusterSetIP", [FOUR], FOUR, False),
        ("ClusterSetIP", [FOUR_SIX, SIX_FOUR], FOUR_SIX, False),
        ("ClusterSetIP", [SIX_FOUR, FOUR_SIX], SIX_FOUR, False),
        ("ClusterSetIP", [FOUR_SIX, SIX], SIX, False),
        ("ClusterSetIP", [FOUR, FOUR_SIX], FOUR, False),
        ("ClusterSetIP", [FOUR, SIX], FOUR, True),
        ("ClusterSetIP", [FOUR_SIX, SIX, FOUR], FOUR_SIX, True),
        ("Headless", [FOUR], FOUR, False),
        ("Headless", [FOUR_SIX, SIX_FOUR], FOUR_SIX, False),
        ("Headless", [FOUR, SIX], FOUR_SIX, True),
        ("Headless", [SIX, FOUR], SIX_FOUR, True),
        ("Headless", [FOUR_SIX, SIX], FOUR_SIX, True),
    ],
)
def test_a_clusterset_ip_takes_the_intersection_and_headless_the_union(
    import_type: ImportType,
    oldest_first: list[tuple[AddressFamily, ...]],
    merged: tuple[AddressFamily, ...],
    conflict: bool,
) -> None:
    records = [record(f"c{age}", age, ip_families=families) for age, families in enumerate(oldest_first)]
    assert merge_families(records, import_type) == (merged, conflict)


def test_a_cluster_offers_the_families_that_it_serves_and_all_while_that_is_unknown() -> None:
    assert servable(SIX_FOUR, FOUR) == FOUR
    assert servable(SIX, FOUR) == ()
    assert servable(SIX_FOUR, ()) == SIX_FOUR

"""IP families of a merged service, and of a cluster that imports it."""

import pytest
from hypothesis import given

from mcs_controller.clusterset.model import AddressFamily, ExportRecord, ImportType
from mcs_controller.clusterset.services.families import servable
from mcs_controller.clusterset.services.merge import by_precedence, merge
from tests.clusterset.builders import SECONDS, record
from tests.clusterset.strategies import record_sets

FOUR: tuple[AddressFamily, ...] = ("IPv4",)
SIX: tuple[AddressFamily, ...] = ("IPv6",)
FOUR_SIX: tuple[AddressFamily, ...] = ("IPv4", "IPv6")
SIX_FOUR: tuple[AddressFamily, ...] = ("IPv6", "IPv4")


@pytest.mark.requirement("MCS-CON-12")
@pytest.mark.parametrize("import_type", ["ClusterSetIP", "Headless"])
@pytest.mark.parametrize(
    ("oldest_first", "different"),
    [
        ([FOUR], ""),
        ([FOUR_SIX, SIX_FOUR], ""),
        ([SIX_FOUR, FOUR_SIX], ""),
        ([FOUR_SIX, SIX], "c1"),
        ([FOUR, FOUR_SIX], "c1"),
        ([FOUR, SIX], "c1"),
        ([FOUR, FOUR, SIX], "c2"),
        ([FOUR_SIX, SIX, SIX_FOUR, FOUR], "c1, c3"),
    ],
)
def test_the_families_are_the_winners_as_they_are_and_who_differs_is_named(
    import_type: ImportType, oldest_first: list[tuple[AddressFamily, ...]], different: str
) -> None:
    merged = merge(
        [
            record(f"c{age}", age, type=import_type, ip_families=families)
            for age, families in enumerate(oldest_first)
        ]
    )
    assert merged.ip_families == oldest_first[0]
    count = len(different.split(", ")) if different else 0
    assert [(conflict.reason, conflict.message) for conflict in merged.conflicts] == [
        (
            "IPFamilyConflict",
            f"conflicting ipFamilies: using {', '.join(oldest_first[0])}, by precedence of cluster c0 "
            f"(the oldest export, of {SECONDS.format(0)}); {count} of {len(oldest_first)} clusters disagree: "
            f"{different}",
        )
    ][:count]


def test_no_more_than_ten_clusters_are_named() -> None:
    others = [record(f"c{number:02d}", number, ip_families=SIX) for number in range(1, 12)]
    (conflict,) = merge([record("c00"), *others]).conflicts
    assert conflict.message.endswith(": c01, c02, c03, c04, c05, c06, c07, c08, c09, c10 and 1 more")
    (conflict,) = merge([record("c00"), *others[:10]]).conflicts
    assert conflict.message.endswith(": c01, c02, c03, c04, c05, c06, c07, c08, c09, c10")


@pytest.mark.requirement("MCS-CON-06", "MCS-CON-12")
@given(record_sets)
def test_no_younger_export_gives_or_takes_a_family(records: tuple[ExportRecord, ...]) -> None:
    winner = by_precedence(records)[0]
    assert merge(records).ip_families == merge([winner]).ip_families == winner.ip_families


def test_a_cluster_offers_the_families_that_it_serves_and_all_while_that_is_unknown() -> None:
    assert servable(SIX_FOUR, FOUR) == FOUR
    assert servable(SIX, FOUR) == ()
    assert servable(SIX_FOUR, ()) == SIX_FOUR

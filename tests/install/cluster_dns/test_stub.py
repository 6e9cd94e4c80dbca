"""The zone's server block goes into anybody's Corefile, and out again without a trace."""

from __future__ import annotations

import pytest

from mcs_controller.install.cluster_dns.corefile import Served, read_corefile
from mcs_controller.install.cluster_dns.errors import ServedAlready, Unreadable
from mcs_controller.install.cluster_dns.stub import Stub, with_stub, without_stub
from tests.install.cluster_dns.corefiles import BY_HAND, KUBEADM, NODE_LOCAL, UNUSUAL

STUB = Stub("clusterset.local", ("10.96.0.53",))
ALL = pytest.mark.parametrize("before", UNUSUAL.values(), ids=UNUSUAL)


def added(before: str, stub: Stub = STUB) -> list[str]:
    """The lines of the block that was added, without comments."""
    after = with_stub(before, stub)
    assert after.startswith(before)
    return [line.strip() for line in after[len(before) :].splitlines() if line.strip() and line[0] != "#"]


def test_the_zone_is_forwarded_to_our_servers() -> None:
    assert added(KUBEADM, Stub("clusterset.local", ("10.96.0.53", "fd00::53"))) == [
        "clusterset.local:53 {",
        "errors",
        "cache 5",
        "forward . 10.96.0.53 fd00::53",
        "}",
    ]


@ALL
def test_what_was_added_is_removed_to_the_byte(before: str) -> None:
    after = with_stub(before, STUB)
    assert after.startswith(before)
    assert after != before
    assert without_stub(after) == before


@ALL
def test_a_second_time_changes_nothing(before: str) -> None:
    once = with_stub(before, STUB)
    assert with_stub(once, STUB) == once


@ALL
def test_another_address_replaces_the_first(before: str) -> None:
    moved = Stub("clusterset.local", ("10.96.0.54",))
    assert with_stub(with_stub(before, STUB), moved) == with_stub(before, moved)


@ALL
def test_there_is_nothing_to_remove_where_nothing_was_added(before: str) -> None:
    assert without_stub(before) == before


@ALL
def test_the_outcome_is_a_corefile_with_one_block_more(before: str) -> None:
    blocks = read_corefile(before).blocks
    assert read_corefile(with_stub(before, STUB)).blocks[:-1] == blocks


@pytest.mark.parametrize("before", [KUBEADM, BY_HAND], ids=["line end", "no line end"])
def test_what_others_wrote_after_it_stays(before: str) -> None:
    written = with_stub(before, STUB) + "example.org:53 {\n    forward . 10.0.0.2\n}\n"
    kept = without_stub(written)
    assert kept.startswith(before)
    assert kept[len(before) :].lstrip("\n") == "example.org:53 {\n    forward . 10.0.0.2\n}\n"
    assert len(read_corefile(kept).blocks) == len(read_corefile(before).blocks) + 1


def test_it_listens_where_all_other_names_are_answered() -> None:
    assert added(BY_HAND)[0] == "clusterset.local:1053 {"
    assert added(".:53 {\n}\n.:1053 {\n}\n")[0] == "clusterset.local:53 clusterset.local:1053 {"
    assert added("cluster.local:53 {\n}\n")[0] == "clusterset.local:53 {"
    assert added(UNUSUAL["port from the environment"])[0] == "clusterset.local:{$PORT} {"


def test_it_binds_to_the_same_addresses() -> None:
    assert added(NODE_LOCAL)[1] == "bind 169.254.20.10 10.96.0.10"


def test_a_block_of_somebody_else_for_the_zone_is_left_and_named() -> None:
    for key in ("clusterset.local", "ClusterSet.local.:53", "dns://svc.clusterset.local:1053"):
        with pytest.raises(ServedAlready, match=r"clusterset\.local is there already: remove it first"):
            with_stub(f"{KUBEADM}{key} {{\n    forward . 10.0.0.1\n}}\n", STUB)


@pytest.mark.parametrize(
    "line", ["multicluster clusterset.local", "kubernetes cluster.local ClusterSet.local."]
)
def test_coredns_answering_the_zone_itself_is_named(line: str) -> None:
    with pytest.raises(ServedAlready, match="CoreDNS itself answers"):
        with_stub(KUBEADM.replace("ready\n", f"{line}\n"), STUB)


def test_another_zone_that_only_ends_alike_is_no_obstacle() -> None:
    with_stub(f"{KUBEADM}myclusterset.local {{\n    forward . 10.0.0.1\n}}\n", STUB)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (".:53\nerrors\nforward . 10.0.0.1\n", "line 1: '.:53' is no server block in braces"),
        (KUBEADM + "}\n", "line 21: '}' is no server block in braces"),
        (KUBEADM.rstrip("}\n"), "line 1: the server block that begins here has no closing brace"),
        ('.:53 {\n  log "a\n}\n', "line 2: a quote is not closed"),
        (".:53 {\n  health { lameduck 5s }\n}\n", "line 2: a closing brace must stand alone on its line"),
        ("{\n  errors\n}\n", "line 1: '{' is no server block in braces"),
    ],
)
def test_what_cannot_be_read_is_not_edited(text: str, told: str) -> None:
    with pytest.raises(Unreadable) as raised:
        with_stub(text, STUB)
    assert str(raised.value) == f"{told}; nothing was changed"


def test_comments_that_were_damaged_are_not_guessed_at() -> None:
    damaged = with_stub(KUBEADM, STUB).replace("# END mcs-controller\n", "")
    both = damaged + with_stub("", STUB)
    for text in (damaged, both):
        with pytest.raises(Unreadable, match=r"^line 21: .*remove both"):
            without_stub(text)


def test_keys_are_read_as_coredns_reads_them() -> None:
    (block,) = read_corefile("A.Example. tls://b.example:853, 10.0.0.0/24:53 {\n}\n").blocks
    assert block.served == (
        Served("dns", "a.example", "53"),
        Served("tls", "b.example", "853"),
        Served("dns", "10.0.0.0/24", "53"),
    )

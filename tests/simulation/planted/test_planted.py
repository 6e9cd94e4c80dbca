"""The simulator finds bugs: a handful, each with an act that shows it. All: `make simulate PLANTED=1`."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mcs_controller.kube.store import Store
from tests.simulation.plan import (
    ALL_DRILLS,
    FUSE_DRILL,
    LATE_SECONDS,
    LATE_SLIP,
    LEADERS_DRILL,
    Event,
    Layout,
    Plan,
)
from tests.simulation.planted.bugs import BUGS
from tests.simulation.planted.patching import Patch, always, planted
from tests.simulation.telling import tell

SMALL = Layout(("east", "west", "north"), {})

EXACTLY = {
    "believe-the-label": (Event(0, 5.0, "hostile", 7),),
    "resume-in-another-history": (Event(0, 10.0, "change", 58), Event(0, 13.0, "restore", 63)),
}
"""The acts that show a bug only with some of their choices, or close to each other."""


FOUND: list[tuple[str, tuple[str, ...], str]] = [
    ("allocate-another-ip", ("delete_derived", "delete_derived"), "I-IP"),
    ("no-marker-needed", ("block_import",), "I-UNMARKED"),
    ("delete-whatever-has-the-name", ("unexport",), "I-FENCE"),
    ("never-withdraw", ("unexport",), "I-LEFTOVER"),
    ("all-endpoints-are-ready", ("unready", "unready", "unready"), "I-LEFTOVER"),
    ("forget-what-was-before-a-start", ("lost_while_down",), "I-ENDPOINTS"),
    ("state-what-is-there", ("lost_and_refused",), "I-ENDPOINTS"),
    ("believe-old-statements", ("restored_while_away",), "I-IMPORT"),
    ("dns-forgets", ("dns_alone",), "I-DNS"),
    ("dead-members-export-nothing", ("be_away",), "I-IMPORT"),
    ("skip-the-fuse", ("mass_unexport",), "I-FUSE"),
    ("forget-namespaces", ("remake_namespace",), "I-QUIET-EXACT"),
    ("leave-slices", ("empty", "empty", "empty"), "I-LEFTOVER"),
    ("own-slices-before-they-are-read", ("export_unread",), "I-IMPORT"),
    ("first-list-is-proof", ("first_list_lacks",), "I-ENDPOINTS"),
    ("history-never-breaks", ("back_unnoticed",), "I-ENDPOINTS"),
    ("count-lists-without-ourselves", ("remove_all",), "I-ENDPOINTS"),
    ("write-after-the-lease", ("stop_leader", "stop_leader", "stop_leader"), "I-FENCE"),
    ("trust-an-empty-list", ("lost_while_down",), "I-ENDPOINTS"),
    ("keep-what-a-restore-undid", ("change", "restore"), "I-QUIET-EXACT"),
    ("removed-at-once", ("remake_member",), "I-ENDPOINTS"),
    ("order-by-arrival", ("ports",), "I-QUIET-EXACT"),
    ("settled-for-ever", (), "I-QUIET-EXACT"),
    ("update-whatever-is-there", (), "I-QUIET-EXACT"),
    ("lose-changes-meanwhile", (), "I-QUIET-EXACT"),
    ("believe-the-label", ("hostile",), "I-STRANGER"),
    ("resume-in-another-history", ("change", "restore"), "I-QUIET-EXACT"),
    ("take-the-older-version", ("change", "change", "restore"), "I-ENDPOINTS"),
    ("one-dead-all-dead", ("be_away",), "I-BLAST"),
    ("withdraw-for-all", ("unexport", "unexport"), "I-OWN-NAMESPACE"),
    ("write-without-comparing", (), "I-QUIET-IDLE"),
    ("name-former-exporters", ("unexport", "unexport", "unexport"), "I-CLUSTERS"),
    ("errors-end-the-agent", ("lost_and_refused",), "I-ALIVE"),
]
"""Which bug is found, with which acts alone, and the first invariant that does not hold then.

Without any act it shows while the clusterset comes up, or in the quiet after that.
"""


def story(*acts: str) -> Plan:
    """A drill begins when all members have stated what they export; a leader is stopped for 40 s at most."""
    began_seconds = 40.0 if set(acts) & {*ALL_DRILLS} else LATE_SECONDS if LATE_SLIP in acts else 5.0
    apart_seconds = 60.0 if LEADERS_DRILL in acts else 10.0
    events = [
        Event(0, began_seconds + apart_seconds * number, act, number) for number, act in enumerate(acts)
    ]
    layout = replace(SMALL, fuse_share=0.5) if FUSE_DRILL in acts else SMALL
    if LEADERS_DRILL in acts:
        layout = replace(SMALL, replicas=dict.fromkeys(SMALL.clusters, 2))
    return Plan(1, layout, tuple(events), parts=1)


@pytest.mark.slow
@pytest.mark.parametrize(("bug", "acts", "invariant"), FOUND)
def test_a_planted_bug_is_found_and_the_same_story_is_right_without_it(
    bug: str, acts: tuple[str, ...], invariant: str
) -> None:
    told = story(*acts) if bug not in EXACTLY else Plan(1, SMALL, EXACTLY[bug], parts=1)
    assert tell(told).invariant == ""
    with planted(*BUGS[bug].patches):
        assert tell(told).invariant == invariant


@pytest.mark.parametrize("name", BUGS)
def test_what_a_bug_replaces_is_there_and_comes_back(name: str) -> None:
    patches = BUGS[name].patches
    before = [vars(patch.owner)[patch.name] for patch in patches]
    with planted(*patches):
        assert all(
            vars(patch.owner)[patch.name] is not one for patch, one in zip(patches, before, strict=True)
        )
    assert [vars(patch.owner)[patch.name] for patch in patches] == before


def test_a_bug_whose_place_is_gone_is_an_error() -> None:
    gone = Patch(Store, "no_such_method", always(None))
    with pytest.raises(LookupError, match="Store has no no_such_method any more"), planted(gone):
        pass

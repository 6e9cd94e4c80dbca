"""What policies are about to end: it is explained as it is now, and foretold as it will be."""

from __future__ import annotations

from dataclasses import replace

from mcs_controller.clusterset.explain.case import judge
from mcs_controller.clusterset.explain.explaining import explain
from mcs_controller.clusterset.explain.picture import InCluster, Picture
from mcs_controller.clusterset.explain.policies_here import PoliciesHere
from mcs_controller.clusterset.explain.settling import settled as in_the_end
from mcs_controller.clusterset.model import Condition
from mcs_controller.clusterset.services.policies.policy import Policy
from mcs_controller.clusterset.services.policies.verdict import (
    EXPORTS,
    IMPORTS,
    Verdict,
    judge_import,
    outcome,
)
from tests.clusterset.builders import WEB, local_export, local_service, record, source_slice
from tests.clusterset.explain.pictures import bystander, exported_here, found, on_broker, picture, settled

NO_EAST = PoliciesHere((Policy("no-east", True, clusters=("east",)),), asked=True)
NO_SHOP = PoliciesHere((Policy("no-shop", True, namespaces=("shop",)),), asked=True)


def importing(*, says_so: bool) -> Picture:
    """North has the import; its policies refuse it since a moment ago, as its agent says."""
    before = settled(picture(on_broker("east"), bystander("north"), here=InCluster("north")))
    assert before.here is not None
    assert before.here.imported is not None
    assert NO_EAST.in_force is not None
    verdict = judge_import(NO_EAST.in_force, WEB, "east", {}, is_own=False)
    message = outcome(verdict, IMPORTS, is_live=True, held="", lasts=False).message if says_so else ""
    imported = replace(
        before.here.imported, conditions=(Condition("Ready", "True", "Ready", f"other; {message}"),)
    )
    return replace(before, here=replace(before.here, imported=imported, import_policies=NO_EAST))


def test_an_import_that_is_about_to_end_is_right_as_it_is_and_that_is_said() -> None:
    seen = importing(says_so=True)
    assert found(seen) == {"52": "warning"}
    assert judge(seen).refused == {}
    assert {one.state for one in judge(seen).uses} == {"in"}


def test_without_the_word_of_the_agent_a_refusal_has_lasted() -> None:
    assert judge(importing(says_so=False)).refused.keys() == {"east"}


def test_in_the_end_the_import_is_gone() -> None:
    after = in_the_end(importing(says_so=True))
    assert after.here is not None
    assert after.here.imported is None
    assert found(after) == {"52": "problem"}


def test_an_export_that_is_about_to_end_counts_and_that_is_said() -> None:
    ours = exported_here("north")
    own_part = on_broker("north", slices=(source_slice("north"),), record=record("north"))
    before = settled(picture(on_broker("east"), own_part, here=ours))
    assert before.here is not None
    verdict = Verdict("refused", "ExportPolicy no-shop forbids that shop/web is exported")
    message = outcome(verdict, EXPORTS, is_live=True, held="", lasts=False).message
    export = local_export(conditions=(Condition("Valid", "True", "Valid", message),))
    here = replace(before.here, export=export, service=local_service(), export_policies=NO_SHOP)
    seen = replace(before, here=here)
    (told,) = [one for one in explain(seen).findings if one.id == "MCS-WHY-09"]
    assert (told.severity, told.why) == ("warning", message.rpartition(": ")[0])
    assert [part.cluster for part in judge(seen).exporters] == ["east", "north"]
    assert [part.cluster for part in judge(in_the_end(seen)).exporters] == ["east"]

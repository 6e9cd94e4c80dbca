"""Which exported labels and annotations travel, and which one cluster leaves out."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcs_controller.clusterset.services.desired import import_metadata
from mcs_controller.clusterset.services.merge import merge
from mcs_controller.clusterset.services.metadata import exportable_annotations, exportable_labels, without
from tests.clusterset.builders import record

OTHERS = [
    "app.kubernetes.io/managed-by",
    "app.kubernetes.io/instance",
    "app.kubernetes.io/created-by",
    "kubernetes.io/service-name",
    "kubectl.kubernetes.io/last-applied-configuration",
    "applyset.kubernetes.io/part-of",
    "endpointslice.kubernetes.io/managed-by",
    "config.k8s.io/owning-inventory",
    "k8s.io/anything",
    "multicluster.kubernetes.io/derived-service",
    "multicluster.x-k8s.io/anything",
    "argocd.argoproj.io/instance",
    "argocd.argoproj.io/tracking-id",
    "helm.sh/chart",
    "meta.helm.sh/release-name",
    "fluxcd.io/sync-checksum",
    "kustomize.toolkit.fluxcd.io/name",
    "helm.toolkit.fluxcd.io/namespace",
    "kapp.k14s.io/app",
    "fleet.cattle.io/bundle-id",
    "objectset.rio.cattle.io/hash",
    "configmanagement.gke.io/managed",
    "configsync.gke.io/resource-id",
    "app.oam.dev/name",
    "mcs-controller.io/managed-by",
    "broker.mcs-controller.io/anything",
]


@pytest.mark.requirement("MCS-IMP-17")
@pytest.mark.parametrize("key", OTHERS)
def test_marks_of_the_api_of_ours_and_of_other_tools_are_not_carried(key: str) -> None:
    pairs = ((key, "web"), ("tier", "web"))
    assert exportable_labels(pairs) == (("tier", "web"),)
    assert exportable_annotations(pairs) == (("tier", "web"),)


@pytest.mark.requirement("MCS-IMP-17")
@given(st.data(), st.sampled_from(OTHERS))
def test_no_capitalisation_of_such_a_prefix_is_carried(data: st.DataObject, key: str) -> None:
    prefix, _, name = key.partition("/")
    spelt = "".join(one.upper() if data.draw(st.booleans()) else one for one in prefix)
    assert exportable_annotations(((f"{spelt}/{name}", "web"),)) == ()
    assert exportable_annotations(((f"Sub.{spelt}/{name}", "web"),)) == ()


@pytest.mark.requirement("MCS-EXP-11")
@pytest.mark.parametrize(
    "key",
    [
        "app.kubernetes.io/name",
        "app.kubernetes.io/version",
        "app.kubernetes.io/component",
        "app.kubernetes.io/part-of",
        "example.com/kubernetes.io",
        "notkubernetes.io/x",
        "helm.sh.example.com/chart",
        "myhelm.sh/chart",
        "helm.sh",
        "team",
    ],
)
def test_what_only_looks_like_one_is_carried(key: str) -> None:
    pairs = ((key, "web"),)
    assert exportable_labels(pairs) == pairs
    assert exportable_annotations(pairs) == pairs


@pytest.mark.requirement("MCS-IMP-17")
@pytest.mark.parametrize(
    ("value", "carried"),
    [
        ("two\nlines\tand a tab", True),
        ("äöü 漢字 עברית \xa0 \u202f", True),
        ("می\u200cخواهم 👩\u200d💻", True),
        ("bell\x07", False),
        ("nul\x00", False),
        ("back\x08", False),
        ("vertical\x0b", False),
        ("return\r\n", False),
        ("escape\x1b[2J", False),
        ("unit\x1f", False),
        ("delete\x7f", False),
        ("csi\x9b", False),
        ("next line\x85", False),
        ("soft\xadhyphen", False),
        ("arabic mark\u061c", False),
        ("vowel\u180e", False),
        ("zero\u200bwidth", False),
        ("mark\u200e", False),
        ("line\u2028", False),
        ("override\u202e", False),
        ("isolate\u2066", False),
        ("joiner\u2060", False),
        ("\ufeffbom", False),
        ("anchor\ufff9", False),
        ("tag\U000e0041", False),
        ("half\ud800", False),
    ],
)
def test_an_annotation_that_could_repaint_a_terminal_is_not_carried(value: str, carried: bool) -> None:
    pairs = (("a", "1"), ("note", value), ("z", "1"))
    assert exportable_annotations(pairs) == (pairs if carried else (pairs[0], pairs[2]))


@pytest.mark.requirement("MCS-IMP-17")
@given(st.text(st.characters(exclude_categories=())))
def test_no_control_or_format_character_but_the_harmless_travels(value: str) -> None:
    for _, carried in exportable_annotations((("note", value),)):
        assert carried == value
        odd = {one for one in carried if unicodedata.category(one) in ("Cc", "Cf", "Cs", "Zl", "Zp")}
        directed = {one for one in carried if unicodedata.bidirectional(one) in _EXPLICIT_DIRECTIONS}
        # The rest of Unicode's format characters belong to a script, and hide or turn nothing.
        assert not odd & set(map(chr, range(0x80))) - {"\t", "\n"}
        assert not directed


_EXPLICIT_DIRECTIONS = ("LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI")


@given(st.characters(categories=("Cc", "Zl", "Zp", "Cs")))
def test_of_all_controls_and_separators_of_lines_only_tab_and_newline_travel(character: str) -> None:
    pairs = (("note", f"a{character}b"),)
    assert exportable_annotations(pairs) == (pairs if character in "\t\n" else ())


def test_what_one_cluster_leaves_out_is_told_by_the_beginning_of_its_key() -> None:
    pairs = (("Example.com/a", "1"), ("team", "2"), ("team-lead", "3"), ("x/team", "4"))
    assert without(pairs, ()) == pairs
    assert without(pairs, ("example.COM/",)) == pairs[1:]
    assert without(pairs, ("team", "nothing")) == (pairs[0], pairs[3])


@pytest.mark.requirement("MCS-IMP-16", "MCS-IMP-17", "MCS-NS-09")
def test_what_one_cluster_leaves_out_is_compared_all_the_same_and_our_marks_stay() -> None:
    labels, annotations = (("mcs", "1"), ("team", "2")), (("note", "x"), ("other", "y"))
    merged = merge([record(labels=labels, annotations=annotations), record("west", 1, labels=labels[1:])])
    assert [one.reason for one in merged.conflicts] == ["LabelsConflict", "AnnotationsConflict"]
    found = import_metadata(merged, ("mcs", "multicluster", "note"))
    assert dict(found.labels) == {"team": "2", "mcs-controller.io/managed-by": "mcs-controller.io"}
    assert dict(found.annotations).keys() == {"other", "multicluster.kubernetes.io/derived-service"}

from __future__ import annotations

import pytest

from mcs_controller.simcluster.serving.selectors import field_selector, label_selector
from mcs_controller.simcluster.status import StatusError
from tests.simcluster.pure.builders import Object, builtin, named, shipped

OBJECTS = {
    "none": {},
    "web": {"app": "web", "tier": "front", "example.com/rank": "3"},
    "db": {"app": "db", "empty": "", "example.com/rank": "12"},
}


@pytest.mark.parametrize(
    ("selector", "selected"),
    [
        ("", "none web db"),
        ("app", "web db"),
        ("!app", "none"),
        ("app=web", "web"),
        ("app==web", "web"),
        ("app!=web", "none db"),
        ("app = web , tier", "web"),
        ("app in (web, db)", "web db"),
        ("app in (web),!empty", "web"),
        ("app notin (web)", "none db"),
        ("empty=", "db"),
        ("empty in (,x)", "db"),
        ("in in (x)", ""),
    ],
)
def test_label_selectors(selector: str, selected: str) -> None:
    matches = label_selector(selector)
    assert " ".join(name for name, labels in OBJECTS.items() if matches(labels)) == selected


@pytest.mark.parametrize(
    "selector",
    [
        "a===b",
        "a in b",
        "a in (b",
        "a in (b c)",
        "-a=b",
        "a=b c",
        "a=(b)",
        "a b",
        "!",
        ",",
        "a,",
        "a>b",
        "a=b!",
    ],
)
def test_a_malformed_label_selector_is_a_bad_request(selector: str) -> None:
    with pytest.raises(StatusError) as refusal:
        label_selector(selector)
    assert refusal.value.code == 400


SERVICE = named("web", spec={"type": "ClusterIP", "clusterIP": "10.0.0.1"})
EVENT = named("e", involvedObject={"kind": "Service", "uid": "u,1"}, reportingComponent="mcs", type="Normal")


@pytest.mark.parametrize(
    ("kind", "obj", "selector", "expected"),
    [
        ("Service", SERVICE, "", True),
        ("Service", SERVICE, "metadata.name=web", True),
        ("Service", SERVICE, "metadata.name==db", False),
        ("Service", SERVICE, "metadata.name!=db,metadata.namespace=shop", True),
        ("Service", SERVICE, "spec.type=ClusterIP,spec.clusterIP=None", False),
        ("Event", EVENT, r"involvedObject.uid=u\,1,involvedObject.kind=Service", True),
        ("Event", EVENT, "source=mcs", True),
        ("Event", EVENT, "involvedObject.name=", True),
    ],
)
def test_field_selectors(kind: str, obj: Object, selector: str, expected: bool) -> None:
    assert field_selector(selector, builtin(kind))(obj) is expected


@pytest.mark.parametrize(
    "selector", ["spec.replicas=1", "metadata.labels=x", "nonsense", "metadata.namespace=x"]
)
def test_a_field_that_a_kind_cannot_be_selected_by_is_a_bad_request(selector: str) -> None:
    with pytest.raises(StatusError) as refusal:
        field_selector(selector, builtin("Namespace"))
    assert refusal.value.code == 400


def test_custom_resources_are_selected_by_name_and_namespace() -> None:
    kind = shipped("serviceexports")
    assert field_selector("metadata.namespace=shop,metadata.name=web", kind)(named("web"))
    with pytest.raises(StatusError):
        field_selector("spec.type=x", kind)

"""What the requirements ask of the documentation, held against the files that it speaks of."""

import re
from pathlib import Path

import pytest

from mcs_controller.api.names import ANNOTATION_WITHDRAW, CONDITION_HELD, WITHDRAW_ALLOWED
from mcs_controller.install.rights import COMPONENTS
from tests.api.rbac import RULES, granted_by

ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / "docs"
DECISIONS = DOCS / "decisions"
PAGES = (*ROOT.glob("*.md"), *DOCS.rglob("*.md"))
SECURITY = " ".join((DOCS / "security.md").read_text().split())
OPERATIONS = " ".join((DOCS / "operations.md").read_text().split())


@pytest.mark.requirement("MCS-RBAC-07")
def test_network_policy_is_not_ours_neither_in_words_nor_in_rights() -> None:
    assert (
        "**NetworkPolicy**: how network policies apply to traffic between clusters is out of scope"
        in SECURITY
    )
    for path in RULES:
        assert not {
            one
            for one in granted_by(path.stem)
            if "networkpolic" in one.resource or "networking" in one.group
        }


@pytest.mark.requirement("MCS-RBAC-02")
def test_care_for_system_namespaces_is_documented() -> None:
    assert "take care of `kube-system` and `default`" in SECURITY
    assert "`spec.namespaces`" in SECURITY


NOT_AT_FIRST = (
    "broker",
    "credential",
    "hub",
    "managed-properties",
    "reports",
    "policies",
    "service-export-policies",
)


def test_who_starts_without_helm_gives_every_component_its_rights() -> None:
    page = (DOCS / "getting-started.md").read_text()
    printed = re.findall(r"mcs-controller rbac --for ([\w,]+) \| kubectl apply -f -", page)
    # The command that sets up a broker brings the rights of its members along. An agent that is no pod has no
    # Secret in which it could renew its credential. Policies and properties are nobody's unless one says so.
    assert "mcs-controller broker init --broker-kubeconfig" in page
    assert sorted([*NOT_AT_FIRST, *",".join(printed).split(",")]) == sorted(COMPONENTS)


def test_every_role_is_explained() -> None:
    assert [path.name for path in RULES if f"`{path.name}`" not in SECURITY] == []


def test_what_an_operator_types_is_what_the_agent_reads() -> None:
    assert OPERATIONS.count(f"{ANNOTATION_WITHDRAW}={WITHDRAW_ALLOWED}") == 2
    assert OPERATIONS.count(f"membercluster -n mcs-member-east east {ANNOTATION_WITHDRAW}=2") == 1
    assert f'"{CONDITION_HELD}"' in OPERATIONS


def anchors(page: Path) -> set[str]:
    """What a link may have behind `#`: each heading in small letters, with `-` for its spaces."""
    headings = re.findall(r"^#+ (.*)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_every_link_between_pages_leads_somewhere(page: Path) -> None:
    for target, anchor in re.findall(r"\]\((?!https?:)([^)#]*)#?([^)]*)\)", page.read_text()):
        linked = page.parent / target if target else page
        assert linked.exists(), target
        assert not anchor or anchor in anchors(linked), f"{target}#{anchor}"


def test_every_decision_is_in_the_index() -> None:
    index = (DECISIONS / "README.md").read_text()
    linked = {
        (int(number), name) for number, name in re.findall(r"^- \[(\d+)\]\((.*)\):", index, re.MULTILINE)
    }
    assert linked == {(int(page.name[:4]), page.name) for page in DECISIONS.glob("[0-9]*.md")}
    assert sorted(number for number, _ in linked) == list(range(1, len(linked) + 1))


def test_every_page_that_the_code_names_is_there() -> None:
    for folder in ("mcs_controller", "tests", "hack"):
        for source in (ROOT / folder).rglob("*.py"):
            for named in re.findall(r"\bdocs/[\w/-]+\.md", source.read_text()):
                assert (ROOT / named).is_file(), f"{source}: {named}"


def folders(place: Path) -> set[str]:
    return {path.parent.name for path in place.glob("*/__init__.py")}


def test_the_lists_of_rooms_and_of_test_folders_are_those_of_the_tree() -> None:
    contributing = (ROOT / "CONTRIBUTING.md").read_text()
    rooms = folders(ROOT / "mcs_controller")
    assert set(re.findall(r"^\| `(\w+)/` \|", contributing, re.MULTILINE)) == rooms | {
        "charts",
        "crds",
        "docs",
        "hack",
        "tests",
    }
    overview = (DOCS / "architecture.md").read_text()
    assert set(re.findall(r"^\| `mcs_controller/(\w+)/` \|", overview, re.MULTILINE)) == rooms
    others = set(re.findall(r"^\| `tests/(\w+)/` \|", contributing, re.MULTILINE))
    assert others == folders(ROOT / "tests") - rooms

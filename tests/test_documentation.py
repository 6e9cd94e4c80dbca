"""What the requirements ask of the documentation, held against the files that it speaks of."""

from pathlib import Path

import pytest

from mcs_controller.api.names import ANNOTATION_WITHDRAW, CONDITION_HELD, WITHDRAW_ALLOWED
from tests.api.rbac import FOLDER, MANIFESTS, rights, roles

DOCS = Path(__file__).resolve().parents[1] / "docs"
SECURITY = " ".join((DOCS / "security.md").read_text().split())
OPERATIONS = " ".join((DOCS / "operations.md").read_text().split())


@pytest.mark.requirement("MCS-RBAC-07")
def test_network_policy_is_not_ours_neither_in_words_nor_in_rights() -> None:
    assert (
        "**NetworkPolicy**: how network policies apply to traffic between clusters is out of scope"
        in SECURITY
    )
    for manifest in MANIFESTS:
        for role in roles(manifest):
            assert not {
                one for one in rights(role) if "networkpolic" in one.resource or "networking" in one.group
            }


@pytest.mark.requirement("MCS-RBAC-02")
def test_care_for_system_namespaces_is_documented() -> None:
    assert "take care of `kube-system` and `default`" in SECURITY
    assert "`spec.namespaces`" in SECURITY


def test_every_manifest_is_explained() -> None:
    for manifest in MANIFESTS:
        assert f"`{manifest.name}`" in SECURITY, manifest
    assert FOLDER.name == "rbac"


def test_what_an_operator_types_is_what_the_agent_reads() -> None:
    assert OPERATIONS.count(f"{ANNOTATION_WITHDRAW}={WITHDRAW_ALLOWED}") == 4
    assert f'"{CONDITION_HELD}"' in OPERATIONS

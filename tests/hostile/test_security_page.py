"""Every line of docs/security.md about what an attacker can and cannot do names tests, and these exist."""

import re
from pathlib import Path

import pytest

from mcs_controller.api.resources import EXPORTED_ENDPOINT_SLICES, EXPORTED_SERVICES, MEMBER_REPORTS

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "security.md").read_text()
NAMED = re.findall(r"`(\w+/[\w/]+\.py)::(\w+)`", PAGE)


def rows_with_tests() -> list[str]:
    """The rows of each table whose last column is `test`."""
    found, inside = [], False
    for line in PAGE.splitlines():
        if not line.startswith("|"):
            inside = False
        elif line.endswith("| test |"):
            inside = True
        elif inside and not line.startswith("|---"):
            found.append(line)
    return found


@pytest.mark.parametrize(("file", "name"), sorted(set(NAMED)), ids="::".join)
def test_a_test_that_the_page_names_exists(file: str, name: str) -> None:
    source = (ROOT / "tests" / file).read_text()
    assert re.search(rf"^(?:async )?def {name}\(", source, re.MULTILINE)


def test_every_line_names_a_test() -> None:
    rows = rows_with_tests()
    assert len(rows) > 40
    assert [row for row in rows if not re.search(r"::\w+` \|$", row)] == []


def test_everything_that_looks_like_a_test_is_read_as_one() -> None:
    assert PAGE.count("::test_") == len(NAMED)


def test_each_file_of_this_folder_is_named() -> None:
    files = {path.name for path in Path(__file__).parent.glob("test_*.py")}
    assert {file.rpartition("/")[2] for file, _ in NAMED} >= files


def test_the_quota_names_the_kinds_that_a_member_writes() -> None:
    for resource in (EXPORTED_SERVICES, EXPORTED_ENDPOINT_SLICES, MEMBER_REPORTS):
        assert f"`count/{resource.plural}.{resource.group}`" in PAGE

"""Files that hold credentials are written for their owner alone, and never over another by accident."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from mcs_controller.cli.errors import CliError, one_line
from mcs_controller.cli.output import as_document, table, write_private


def test_a_file_is_made_for_its_owner_and_replaced_only_when_forced(tmp_path: Path) -> None:
    file = tmp_path / "credential"
    write_private(file, "first", force=False)
    with pytest.raises(CliError, match="credential exists: name another file, or give --force"):
        write_private(file, "second", force=False)
    assert file.read_text() == "first"
    file.chmod(0o644)
    write_private(file, "third", force=True)
    assert (file.read_text(), stat.S_IMODE(file.stat().st_mode)) == ("third", 0o600)
    assert list(tmp_path.iterdir()) == [file]


@pytest.mark.parametrize("force", [False, True])
def test_what_cannot_be_written_is_told_and_leaves_nothing_behind(tmp_path: Path, force: bool) -> None:
    with pytest.raises(CliError, match="cannot be written: No such file or directory"):
        write_private(tmp_path / "missing" / "credential", "text", force=force)
    (tmp_path / "folder").mkdir()
    with pytest.raises(CliError, match="folder"):
        write_private(tmp_path / "folder", "text", force=force)
    assert [one.name for one in tmp_path.iterdir()] == ["folder"]


def test_tables_and_documents() -> None:
    assert table(("A", "LONG"), [("value", "-")]) == "A      LONG\nvalue  -"
    assert as_document("json", {"a": 1}) == '{\n  "a": 1\n}'
    assert as_document("yaml", {"b": 1, "a": 2}) == "b: 1\na: 2"


def test_texts_of_others_send_no_control_codes_to_a_terminal() -> None:
    assert table(("A", "B"), [("\x1b[2Jx\n", "-")]) == "A           B\n\\x1b[2Jx\\n  -"
    assert one_line(CliError("a \x1b[2J b\nc")) == "a \\x1b[2J b c"

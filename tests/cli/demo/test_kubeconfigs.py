from pathlib import Path

import pytest
import yaml

from mcs_controller.cli.demo.kubeconfigs import kubeconfig_folder, with_users
from mcs_controller.cli.errors import CliError

CONFIG = """
apiVersion: v1
kind: Config
clusters: [{name: broker, cluster: {server: http://127.0.0.1:1}}]
users: [{name: admin, user: {token: admin}}]
contexts: [{name: broker, context: {cluster: broker, user: admin}}]
current-context: broker
"""


def test_without_a_folder_there_is_a_fresh_one_that_is_gone_afterwards() -> None:
    with kubeconfig_folder(None) as folder:
        file = folder.write("east", CONFIG)
        assert file.name == "east.kubeconfig"
        assert yaml.safe_load(file.read_text())["current-context"] == "broker"
        assert folder.path.stat().st_mode & 0o777 == 0o700
    assert not folder.path.exists()


def test_a_kubeconfig_is_for_the_users_eyes_only(tmp_path: Path) -> None:
    with kubeconfig_folder(tmp_path) as folder:
        assert folder.write("east", CONFIG).stat().st_mode & 0o777 == 0o600


def test_of_a_folder_that_was_named_only_the_demos_own_files_are_removed(tmp_path: Path) -> None:
    (tmp_path / "notes").write_text("mine")
    with kubeconfig_folder(tmp_path) as folder:
        folder.write("east", CONFIG)
    assert [path.name for path in tmp_path.iterdir()] == ["notes"]


def test_a_folder_that_does_not_exist_is_made(tmp_path: Path) -> None:
    with kubeconfig_folder(tmp_path / "a" / "b") as folder:
        assert folder.write("east", CONFIG).is_file()


def test_a_file_that_an_earlier_demo_left_behind_is_overwritten(tmp_path: Path) -> None:
    with kubeconfig_folder(tmp_path / "once") as folder:
        left_behind = folder.write("east", CONFIG).read_text()
    (tmp_path / "east.kubeconfig").write_text(left_behind)
    with kubeconfig_folder(tmp_path) as folder:
        folder.check(["east"])
        folder.write("east", CONFIG.replace(":1}", ":2}"))
        assert "127.0.0.1:2" in (tmp_path / "east.kubeconfig").read_text()


def test_a_file_of_the_users_own_is_never_overwritten(tmp_path: Path) -> None:
    (tmp_path / "east.kubeconfig").write_text(CONFIG)
    with (
        pytest.raises(CliError, match=r"east.kubeconfig exists and is not from a demo: move it away"),
        kubeconfig_folder(tmp_path) as folder,
    ):
        folder.check(["broker", "east"])
    assert (tmp_path / "east.kubeconfig").read_text() == CONFIG


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with (
        pytest.raises(CliError, match=f"--kubeconfig-dir: {tmp_path}/file/dir: .*: choose another directory"),
        kubeconfig_folder(tmp_path / "file" / "dir"),
    ):
        pass


def test_each_user_has_a_context_of_the_same_name() -> None:
    config = yaml.safe_load(with_users(CONFIG, ["east", "west"]))
    assert config["current-context"] == "broker"
    assert [(one["name"], one["context"]["user"]) for one in config["contexts"]] == [
        ("broker", "admin"),
        ("east", "east"),
        ("west", "west"),
    ]
    assert {one["name"]: one["user"]["token"] for one in config["users"]}["west"] == "west"

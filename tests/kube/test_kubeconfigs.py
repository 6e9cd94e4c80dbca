"""Several kubeconfigs at once, and all that a kubeconfig can say of a cluster and of an exec plugin."""

import base64
import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from mcs_controller.kube.connection.config import load_kubeconfig, load_kubeconfigs
from mcs_controller.kube.connection.credentials import ExecCredential
from mcs_controller.kube.connection.followed import FollowedTransport
from mcs_controller.kube.connection.kubeconfig import settings_of_kubeconfig
from mcs_controller.kube.connection.transport import Transport
from mcs_controller.kube.errors import ConfigError

VERSION = "client.authentication.k8s.io/v1"


def file(folder: Path, name: str, current: str | None, *contexts: str) -> Path:
    """Each context leads to a server with its name, and the file's."""
    path = folder / name
    path.write_text(
        yaml.safe_dump(
            {
                **({"current-context": current} if current is not None else {}),
                "contexts": [{"name": one, "context": {"cluster": one, "user": "u"}} for one in contexts],
                "clusters": [
                    {"name": one, "cluster": {"server": f"https://{one}.{name}.test"}} for one in contexts
                ],
                "users": [{"name": "u", "user": {"token": "t"}}],
            }
        )
    )
    return path


def server(transport: Transport) -> str:
    assert isinstance(transport, FollowedTransport)
    return repr(transport).removeprefix("HttpTransport(https://").removesuffix(".test)")


@pytest.fixture
def three(tmp_path: Path) -> list[Path]:
    return [
        file(tmp_path, "one", None, "east"),
        file(tmp_path, "two", "west", "east", "west", "north"),
        file(tmp_path, "three", "north", "west", "north", "south"),
    ]


@pytest.mark.parametrize(
    ("context", "wanted"),
    [
        (None, "west.two"),
        ("east", "east.one"),
        ("north", "north.two"),
        ("south", "south.three"),
    ],
)
def test_of_several_files_the_first_that_has_the_context_counts(
    three: list[Path], context: str | None, wanted: str
) -> None:
    assert server(load_kubeconfigs(three, context)) == wanted


def test_files_that_are_not_there_are_passed_over_and_the_only_one_left_counts(
    three: list[Path], tmp_path: Path
) -> None:
    missing = tmp_path / "missing"
    assert server(load_kubeconfigs([missing, three[2], missing])) == "north.three"
    assert server(load_kubeconfigs([missing, *three])) == "west.two"
    assert server(load_kubeconfigs([three[2]], "west")) == "west.three"
    with pytest.raises(ConfigError, match="missing does not exist"):
        load_kubeconfigs([missing, tmp_path / "another"])


def test_a_home_folder_is_looked_up_in_each_file(
    three: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    there = [Path("~/one"), Path("~/two")]
    assert server(load_kubeconfigs(there)) == "west.two"
    assert server(load_kubeconfigs([Path("~/two"), Path("~/missing")], "north")) == "north.two"
    assert server(load_kubeconfig(Path("~/two"))) == "west.two"


def test_a_context_that_no_file_has_is_told_of_the_first(three: list[Path]) -> None:
    with pytest.raises(ConfigError, match="one has no context 'mars': it has east"):
        load_kubeconfigs(three, "mars")


def test_several_files_without_a_current_context_are_told_of_the_first(tmp_path: Path) -> None:
    files = [file(tmp_path, name, None, "east") for name in ("one", "two")]
    with pytest.raises(ConfigError, match="one has no current-context: name a context"):
        load_kubeconfigs(files)


def test_the_names_of_at_most_ten_contexts_are_told(tmp_path: Path) -> None:
    path = file(tmp_path, "one", "x", *(f"c{number:02}" for number in range(11, 0, -1)))
    with pytest.raises(ConfigError) as caught:
        load_kubeconfig(path)
    assert str(caught.value).endswith("it has " + ", ".join(f"c{number:02}" for number in range(1, 11)))


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_proxy_may_be_spoken_to_over_either_scheme(tmp_path: Path, scheme: str) -> None:
    path = file(tmp_path, "one", "east", "east")
    config = yaml.safe_load(path.read_text())
    config["clusters"][0]["cluster"]["proxy-url"] = f"{scheme}://proxy:3128"
    path.write_text(yaml.safe_dump(config))
    assert server(load_kubeconfig(path)) == "east.one"


def test_a_url_with_a_user_name_is_refused_with_what_to_do(tmp_path: Path) -> None:
    for user in ("admin", "admin:pw", ":pw"):
        path = file(tmp_path, "one", "east", "east")
        path.write_text(path.read_text().replace("https://", f"https://{user}@"))
        with pytest.raises(ConfigError) as caught:
            load_kubeconfig(path)
        assert str(caught.value) == (
            f"kubeconfig {path}: the server's URL holds a user name: "
            "put credentials into the user entry instead"
        )


def plugin_of(cluster: dict[str, Any], folder: Path, **plugin: Any) -> Any:
    """What would be run for a kubeconfig."""
    script = folder / "login"
    script.write_text("#!/bin/sh\n")
    script.chmod(0o755)
    config = {
        "current-context": "east",
        "contexts": [{"name": "east", "context": {"cluster": "c", "user": "u"}}],
        "clusters": [{"name": "c", "cluster": {"server": "https://east", **cluster}}],
        "users": [{"name": "u", "user": {"exec": {"command": "./login", "apiVersion": VERSION, **plugin}}}],
    }
    credential = settings_of_kubeconfig(config, None, folder).credential
    assert isinstance(credential, ExecCredential)
    return credential._plugin


def test_an_exec_plugin_is_told_all_of_its_cluster_if_the_kubeconfig_wants_that(tmp_path: Path) -> None:
    (tmp_path / "ca.crt").write_bytes(b"a CA")
    cluster = {
        "certificate-authority": "ca.crt",
        "insecure-skip-tls-verify": True,
        "tls-server-name": "east.test",
        "proxy-url": "http://proxy:3128",
        "extensions": [
            {"name": "another", "extension": {"a": 1}},
            {"name": "client.authentication.k8s.io/exec", "extension": {"audience": "east"}},
        ],
    }
    assert json.loads(json.dumps(plugin_of(cluster, tmp_path, provideClusterInfo=True).cluster)) == {
        "server": "https://east",
        "certificate-authority-data": base64.b64encode(b"a CA").decode(),
        "insecure-skip-tls-verify": True,
        "tls-server-name": "east.test",
        "proxy-url": "http://proxy:3128",
        "config": {"audience": "east"},
    }
    assert plugin_of({}, tmp_path, provideClusterInfo=True).cluster == {"server": "https://east"}
    assert plugin_of(cluster, tmp_path).cluster is None
    assert plugin_of(cluster, tmp_path, provideClusterInfo=False).cluster is None


@pytest.mark.parametrize("version", [VERSION, f"{VERSION}beta1"])
def test_an_exec_plugin_is_run_as_the_kubeconfig_says(tmp_path: Path, version: str) -> None:
    plugin = plugin_of(
        {},
        tmp_path,
        apiVersion=version,
        args=["token", 5],
        env=[{"name": "A", "value": "b"}, {"name": "N", "value": 1}],
        interactiveMode="IfAvailable",
    )
    assert plugin.command == str(tmp_path / "login")
    assert plugin.arguments == ("token", "5")
    assert plugin.environment == {"A": "b", "N": "1"}
    assert plugin.api_version == version
    bare = plugin_of({}, tmp_path)
    assert (bare.arguments, bare.environment) == ((), {})


def test_an_exec_plugin_without_a_folder_in_its_name_is_found_on_the_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    plugin_of({}, tmp_path)
    assert plugin_of({}, tmp_path, command="login").command == str(tmp_path / "login")
    (tmp_path / "login").chmod(0o644)
    with pytest.raises(
        ConfigError, match="exec plugin logout is not there: install it or correct the command"
    ):
        plugin_of({}, tmp_path, command="logout")


def test_an_exec_plugin_that_may_not_be_run_is_told_with_its_hint(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("")
    with pytest.raises(ConfigError, match=r"exec plugin \./data is not there: ask\n? ?us"):
        plugin_of({}, tmp_path, command="./data", installHint="ask\n  us")

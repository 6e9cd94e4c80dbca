"""The kubeconfig of a ClusterProfile says what our own connection does, and holds no credential."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from mcs_controller.access.kubeconfigs import kubeconfig_of
from tests.access.profiles import (
    ARGS,
    CONFIG,
    ENVS,
    SERVER,
    FakePlugin,
    ca_data,
    entry,
    offer,
    profile,
    providers,
)


@pytest.mark.requirement("CP-15")
def test_it_has_the_cluster_the_plugin_and_the_extension_and_no_credential(
    tmp_path: Path, pki_ca: bytes
) -> None:
    FakePlugin(tmp_path)
    found = profile(
        offer(
            certificate_authority_data=ca_data(pki_ca),
            tls_server_name="east.test",
            proxy_url="http://proxy.example:3128",
            disable_compression=True,
            extensions={CONFIG: {"clusterName": "east"}, ARGS: ["--evil"], ENVS: {"LD_PRELOAD": "/evil"}},
        )
    )
    env = [{"name": "REGION", "value": "eu"}]
    known = providers(
        entry(command="./plugin", args=["get"], env=env, provideClusterInfo=True), folder=tmp_path
    )
    made = kubeconfig_of(found, known)
    assert made["clusters"] == [
        {
            "name": "prod-east",
            "cluster": {
                "server": SERVER,
                "tls-server-name": "east.test",
                "certificate-authority-data": ca_data(pki_ca),
                "proxy-url": "http://proxy.example:3128",
                "disable-compression": True,
                "extensions": [{"name": CONFIG, "extension": {"clusterName": "east"}}],
            },
        }
    ]
    (user,) = made["users"]
    assert user["user"] == {
        "exec": {
            "apiVersion": "client.authentication.k8s.io/v1",
            "command": str(tmp_path / "plugin"),
            "args": ["get"],
            "env": [{"name": "REGION", "value": "eu"}],
            "interactiveMode": "Never",
            "provideClusterInfo": True,
        }
    }
    assert made["current-context"] == "prod-east"
    assert made["contexts"] == [
        {"name": "prod-east", "context": {"cluster": "prod-east", "user": user["name"]}}
    ]
    assert yaml.safe_load(yaml.safe_dump(made)) == made


@pytest.mark.requirement("CP-26")
def test_of_two_that_are_read_as_one_each_cluster_keeps_its_own_plugin() -> None:
    known = providers(entry(profileSourcedCLIArgsPolicy="Append"))
    made = [
        kubeconfig_of(profile(offer(extensions={ARGS: [f"--of={name}"]}), name=name), known)
        for name in ("east", "west")
    ]
    users: dict[str, list[str]] = {}
    for one in made:
        for user in one["users"]:
            users.setdefault(user["name"], user["user"]["exec"]["args"])
    found = {one["contexts"][0]["name"]: users[one["contexts"][0]["context"]["user"]] for one in made}
    assert found == {"east": ["--of=east"], "west": ["--of=west"]}


def test_a_command_without_a_slash_is_left_to_the_path_of_whoever_runs_it(tmp_path: Path) -> None:
    made = kubeconfig_of(profile(offer()), providers(entry(command="cloud-login"), folder=tmp_path))
    assert made["users"][0]["user"]["exec"]["command"] == "cloud-login"


@pytest.mark.requirement("CP-24", "CP-25")
def test_what_the_policies_let_the_profile_add_is_in_it() -> None:
    known = providers(
        entry(profileSourcedCLIArgsPolicy="Append", profileSourcedEnvVarsPolicy="AppendIfNotExists")
    )
    found = profile(offer(extensions={ARGS: ["--role", "x"], ENVS: {"ROLE": "x"}}))
    made = kubeconfig_of(found, known)["users"][0]["user"]["exec"]
    assert made["args"] == ["--role", "x"]
    assert made["env"] == [{"name": "ROLE", "value": "x"}]

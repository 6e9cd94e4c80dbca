"""What a ClusterProfile may add to the run of a plugin: nothing, unless the provider file says so."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import pytest

from mcs_controller.access.connecting import cluster_info, plan
from mcs_controller.access.errors import UnusableProfile
from mcs_controller.access.providers import Plugin
from tests.access.profiles import ARGS, CONFIG, ENVS, entry, offer, profile, providers

LOCAL = [{"name": "REGION", "value": "local"}, {"name": "ACCOUNT", "value": "one"}]


def planned(extensions: dict[str, Any], **changes: Any) -> Plugin:
    """What is run for a cluster whose profile has these extensions."""
    known = providers(entry(args=["token"], env=LOCAL, **changes))
    return plan(profile(offer(extensions=extensions)), known)[1]


@pytest.mark.requirement("CP-23")
@pytest.mark.parametrize("config", [{"clusterName": "east"}, {"a": {"b": [1, None, "x"]}, "c": ""}, {}])
def test_the_exec_extension_is_handed_on_verbatim(config: dict[str, Any]) -> None:
    found = profile(offer(extensions={CONFIG: config, "of.others/thing": {"x": 1}}))
    told = cluster_info(plan(found, providers(entry()))[2])
    assert told["config"] == config
    told["config"]["changed"] = True
    assert "changed" not in config


@pytest.mark.requirement("CP-23")
def test_without_the_extension_there_is_no_config() -> None:
    assert "config" not in cluster_info(plan(profile(offer()), providers(entry()))[2])


@pytest.mark.requirement("CP-24")
@pytest.mark.parametrize(
    ("policy", "added", "arguments"),
    [
        (None, ["--role", "x"], ("token",)),
        ("Ignore", ["--role", "x"], ("token",)),
        ("Ignore", {"not": "a list"}, ("token",)),
        ("Append", ["--role", "x"], ("token", "--role", "x")),
        ("Append", ["token", "token"], ("token", "token", "token")),
        ("Append", [], ("token",)),
        ("Append", None, ("token",)),
    ],
)
def test_arguments_of_a_profile_are_appended_only_where_the_policy_says_so(
    policy: str | None, added: Any, arguments: tuple[str, ...]
) -> None:
    changes = {} if policy is None else {"profileSourcedCLIArgsPolicy": policy}
    assert planned({ARGS: added}, **changes).arguments == arguments


@pytest.mark.requirement("CP-24")
@pytest.mark.parametrize("added", [{"not": "a list"}, "--role", [1], ["a\0b"], ["x"] * 300])
def test_arguments_that_are_none_are_refused(added: Any) -> None:
    with pytest.raises(UnusableProfile):
        planned({ARGS: added}, profileSourcedCLIArgsPolicy="Append")


@pytest.mark.requirement("CP-25")
@pytest.mark.parametrize(
    ("policy", "added", "environment"),
    [
        (None, {"REGION": "profile", "NEW": "1"}, {"ACCOUNT": "one", "REGION": "local"}),
        ("Ignore", {"REGION": "profile", "NEW": "1"}, {"ACCOUNT": "one", "REGION": "local"}),
        ("Ignore", ["not a map"], {"ACCOUNT": "one", "REGION": "local"}),
        ("Replace", {"REGION": "profile", "NEW": "1"}, {"ACCOUNT": "one", "NEW": "1", "REGION": "profile"}),
        ("Replace", {}, {"ACCOUNT": "one", "REGION": "local"}),
        ("Replace", None, {"ACCOUNT": "one", "REGION": "local"}),
        (
            "AppendIfNotExists",
            {"REGION": "profile", "NEW": "1"},
            {"ACCOUNT": "one", "NEW": "1", "REGION": "local"},
        ),
        ("AppendIfNotExists", {}, {"ACCOUNT": "one", "REGION": "local"}),
        ("AppendIfNotExists", None, {"ACCOUNT": "one", "REGION": "local"}),
    ],
)
def test_who_wins_for_a_variable_is_the_policys_decision(
    policy: str | None, added: Any, environment: dict[str, str]
) -> None:
    changes = {} if policy is None else {"profileSourcedEnvVarsPolicy": policy}
    assert planned({ENVS: added}, **changes).environment == environment


@pytest.mark.requirement("CP-25")
def test_a_variable_that_only_the_consumers_own_environment_has_exists_already(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("AWS_PROFILE", "of-the-consumer")
    monkeypatch.setenv("EMPTY", "")
    monkeypatch.delenv("NEW", raising=False)
    added = {ENVS: {"AWS_PROFILE": "of-the-profile", "EMPTY": "of-the-profile", "NEW": "1"}}
    appended = planned(added, profileSourcedEnvVarsPolicy="AppendIfNotExists").environment
    assert appended == {"ACCOUNT": "one", "NEW": "1", "REGION": "local"}
    replaced = planned(added, profileSourcedEnvVarsPolicy="Replace").environment
    assert replaced.items() >= added[ENVS].items()


@pytest.mark.requirement("CP-25")
@pytest.mark.parametrize(
    "added", [["A"], {"A=B": "x"}, {"": "x"}, {"A": 1}, {"A": "x\0"}, {f"V{n}": "x" for n in range(300)}]
)
def test_variables_that_are_none_are_refused_without_their_values(added: Any) -> None:
    with pytest.raises(UnusableProfile):
        planned({ENVS: added}, profileSourcedEnvVarsPolicy="Replace")


@pytest.mark.requirement("CP-26")
def test_what_one_cluster_adds_is_never_seen_by_another_or_by_the_next_call() -> None:
    known = providers(
        entry(
            args=["token"],
            env=LOCAL,
            profileSourcedCLIArgsPolicy="Append",
            profileSourcedEnvVarsPolicy="Replace",
        )
    )
    before = deepcopy(known)
    east = profile(offer(extensions={ARGS: ["--east"], ENVS: {"OF_EAST": "1"}}), name="east")
    west = profile(offer(extensions={ARGS: ["--west"]}), name="west")
    for _ in range(2):
        assert plan(east, known)[1].arguments == ("token", "--east")
        assert plan(west, known)[1].arguments == ("token", "--west")
        assert "OF_EAST" not in plan(west, known)[1].environment
    assert known == before


@pytest.mark.requirement("CP-26")
def test_variables_come_in_one_order_whatever_the_profiles_was() -> None:
    added = {f"V{number}": "x" for number in (5, 3, 9, 1)}
    names = list(planned({ENVS: added}, profileSourcedEnvVarsPolicy="Replace").environment)
    assert names == sorted(names)


@pytest.mark.parametrize("policy", ["Replace", "AppendIfNotExists"])
@pytest.mark.parametrize(
    "name",
    ["LD_PRELOAD", "DYLD_INSERT_LIBRARIES", "PATH", "PYTHONPATH", "BASH_ENV", "HOME", "XDG_CONFIG_HOME"],
)
def test_a_variable_that_chooses_what_code_runs_is_the_provider_files_alone(policy: str, name: str) -> None:
    with pytest.raises(UnusableProfile, match=f"{name} chooses what code runs"):
        planned({ENVS: {name: "/tmp/evil"}}, profileSourcedEnvVarsPolicy=policy)
    assert name not in planned({ENVS: {name: "/tmp/evil"}}).environment


WHOM = ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "no_proxy", "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE")
HUBS = ("KUBECONFIG", "KUBERNETES_EXEC_INFO", "KUBERNETES_SERVICE_HOST", "MCS_KUBECONFIG", "MCS_CONTEXT")


@pytest.mark.parametrize("policy", ["Replace", "AppendIfNotExists"])
@pytest.mark.parametrize("name", [*WHOM, *HUBS])
def test_a_variable_that_leads_the_plugin_to_somebody_else_is_the_provider_files_alone(
    policy: str, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(name, raising=False)
    with pytest.raises(UnusableProfile, match=f"{name} chooses whom the plugin asks"):
        planned({ENVS: {name: "http://evil.example"}}, profileSourcedEnvVarsPolicy=policy)
    assert name not in planned({ENVS: {name: "http://evil.example"}}).environment


def test_names_that_only_look_alike_are_a_profiles_to_set() -> None:
    added = {"LDAP_SERVER": "a", "MY_PATH": "b", "ENVIRONMENT": "c", "PROXY_NAME": "d", "HOMEPAGE": "e"}
    found = planned({ENVS: added}, profileSourcedEnvVarsPolicy="Replace")
    assert found.environment.items() >= added.items()


@pytest.mark.parametrize("extensions", [{ENVS: {"A": "\ud800"}}, {ENVS: {"\udcff": "a"}}, {ARGS: ["\ud800"]}])
def test_a_text_that_no_program_can_be_given_is_refused(extensions: dict[str, Any]) -> None:
    with pytest.raises(UnusableProfile):
        planned(extensions, profileSourcedEnvVarsPolicy="Replace", profileSourcedCLIArgsPolicy="Append")

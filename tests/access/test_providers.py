"""The provider file (CP-20): what may stand in it, and what is said when something else does."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from mcs_controller.access.errors import ProviderFileError, ProviderFileMissing
from mcs_controller.access.providers import DEFAULT_FILE, EXEC_VERSION, parse_providers, read_provider_file
from mcs_controller.cli.clusters_settings import ClustersKubeconfigSettings
from mcs_controller.cli.options import options_of
from tests.access.profiles import entry, file_text


@pytest.mark.requirement("CP-20")
def test_a_provider_file_says_what_is_run_and_what_profiles_may_add(tmp_path: Path) -> None:
    path = tmp_path / "providers.json"
    path.write_bytes(
        file_text(
            entry(
                "cloud",
                "cloud-login",
                args=["get", "token"],
                env=[{"name": "REGION", "value": "eu"}],
                provideClusterInfo=True,
                interactiveMode="Never",
                profileSourcedCLIArgsPolicy="Append",
                profileSourcedEnvVarsPolicy="Replace",
            ),
            entry("other"),
        )
    )
    first, second = read_provider_file(path).entries
    assert (first.name, first.args_policy, first.envs_policy) == ("cloud", "Append", "Replace")
    assert first.plugin is not None
    assert (first.plugin.command, first.plugin.arguments) == ("cloud-login", ("get", "token"))
    assert first.plugin.environment == {"REGION": "eu"}
    assert first.plugin.provide_cluster_info
    assert (second.name, second.args_policy, second.envs_policy) == ("other", "Ignore", "Ignore")
    assert second.plugin is not None
    assert not second.plugin.provide_cluster_info


@pytest.mark.requirement("CP-20")
@pytest.mark.parametrize("text", [b"{}", b'{"providers": null}', b'{"providers": []}', b'{"comment": 1}'])
def test_a_file_without_providers_is_a_file(text: bytes) -> None:
    assert parse_providers(text) == ()


@pytest.mark.requirement("CP-20")
def test_a_missing_file_and_a_broken_one_are_told_apart(tmp_path: Path) -> None:
    with pytest.raises(ProviderFileMissing, match="cannot be read: No such file") as missing:
        read_provider_file(tmp_path / "nothing.json")
    assert "--clusterprofile-provider-file" in str(missing.value)
    path = tmp_path / "broken.json"
    path.write_text('{"providers": [s3cret')
    with pytest.raises(ProviderFileError, match=r"broken.json: it is not valid JSON") as broken:
        read_provider_file(path)
    assert not isinstance(broken.value, ProviderFileMissing)
    assert "s3cret" not in str(broken.value)


@pytest.mark.requirement("CP-20")
def test_the_option_and_its_default_are_those_of_other_consumers() -> None:
    (option,) = (one for one in options_of(ClustersKubeconfigSettings) if "provider" in one.key)
    assert (option.flag, option.default) == ("--clusterprofile-provider-file", DEFAULT_FILE)
    assert DEFAULT_FILE == "clusterprofile-provider-file.json"


@pytest.mark.requirement("CP-20")
@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"[]", "the file is no object: write"),
        (b'{"providers": {}}', "providers is a dict, not a list"),
        (b'{"providers": [1]}', "providers is 1, not an object"),
        (file_text(entry("")), "name is '', not a name"),
        (file_text(entry("x" * 254)), "not a name of up to 253"),
        (file_text(entry(command="")), "provider plugin: command is '', not a program"),
        (file_text(entry(args="get")), "args is 'get', not a list"),
        (file_text(entry(args=[1])), "args is 1, not a text"),
        (file_text(entry(args=["a\0b"])), "an argument has a NUL"),
        (file_text(entry(env=[{"name": "A=B", "value": "x"}])), "the name of a variable is 'A=B'"),
        (file_text(entry(env=[{"value": "x"}])), "the name of a variable is ''"),
        (file_text(entry(env=[{"name": "A", "value": 7}])), "variable A has no text for a value"),
        (file_text(entry(provideClusterInfo="yes")), "provideClusterInfo is 'yes', not true or false"),
        (file_text(entry(interactiveMode="Sometimes")), "interactiveMode is 'Sometimes'"),
    ],
)
def test_what_is_wrong_is_said_in_a_line(content: bytes, complaint: str) -> None:
    with pytest.raises(ProviderFileError) as caught:
        parse_providers(content)
    assert complaint in str(caught.value)
    assert str(caught.value).isprintable()


@pytest.mark.requirement("CP-22")
@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"apiVersion": "client.authentication.k8s.io/v1beta1"}, "not client.authentication.k8s.io/v1"),
        ({"apiVersion": ""}, "not client.authentication.k8s.io/v1"),
        ({"interactiveMode": "Always"}, "there is no terminal"),
    ],
)
def test_a_plugin_of_another_protocol_or_for_people_is_refused(
    changes: dict[str, Any], complaint: str
) -> None:
    with pytest.raises(ProviderFileError, match=complaint):
        parse_providers(file_text(entry(**changes)))


@pytest.mark.requirement("CP-24")
def test_another_policy_for_arguments_is_an_error() -> None:
    for policy in ("Replace", "append", "All"):
        with pytest.raises(ProviderFileError, match="one of Ignore, Append"):
            parse_providers(file_text(entry(profileSourcedCLIArgsPolicy=policy)))


@pytest.mark.requirement("CP-25")
def test_another_policy_for_variables_is_an_error() -> None:
    for policy in ("Append", "replace", "All"):
        with pytest.raises(ProviderFileError, match="one of Ignore, Replace, AppendIfNotExists"):
            parse_providers(file_text(entry(profileSourcedEnvVarsPolicy=policy)))


def test_a_provider_files_variables_are_in_no_repr_and_no_error() -> None:
    (found,) = parse_providers(file_text(entry(env=[{"name": "API_KEY", "value": "s3cret"}])))
    assert "s3cret" not in repr(found)
    with pytest.raises(ProviderFileError) as caught:
        parse_providers(file_text(entry(env=[{"name": "API_KEY", "value": "s3cret\0"}])))
    assert "s3cret" not in str(caught.value)


@pytest.mark.requirement("CP-15", "CP-20")
def test_the_provider_file_of_the_docs_is_one_and_holds_no_credential() -> None:
    page = (Path(__file__).resolve().parents[2] / "docs" / "inventory.md").read_text()
    text = page.partition("```json\n")[2].partition("```")[0]
    (found,) = parse_providers(text.encode())
    assert found.plugin is not None
    assert found.plugin.provide_cluster_info
    assert found.plugin.environment == {}


@pytest.mark.requirement("CP-20")
def test_keys_that_nobody_reads_are_told_and_change_nothing(tmp_path: Path) -> None:
    file = tmp_path / "providers.json"
    file.write_text(
        '{"providers": [{"name": "cloud", "execconfig": {}, "execConfig": {"apiVersion": '
        f'"{EXEC_VERSION}", "command": "x", "argz": ["s3cret"]}}}}], "more": 1}}'
    )
    found = read_provider_file(file)
    assert found.unknown == (
        "more in the file",
        "execconfig in provider cloud",
        "argz in execConfig of provider cloud",
    )
    assert [one.name for one in found.entries] == ["cloud"]
    file.write_bytes(file_text(entry("cloud", "x", installHint="i", interactiveMode="Never", env=[])))
    assert read_provider_file(file).unknown == ()


@pytest.mark.requirement("CP-20")
def test_broken_json_is_told_with_its_line() -> None:
    with pytest.raises(ProviderFileError, match=r"it is not valid JSON at line 2, or too long"):
        parse_providers(b'{"providers":\n  s3cret}')

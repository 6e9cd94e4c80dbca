"""`mcs-controller clusters import`: what cannot be converted, and what is lost on the way."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.program import run
from tests.cli.registry_file import REGISTRY

pytestmark = pytest.mark.slow


@pytest.mark.requirement("CR-05")
@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "has no objects"),
        ("kind: Pod\napiVersion: v1\nmetadata: {name: x}", "Pod x (v1) is not Cluster"),
        (REGISTRY + "---\nkind: Pod", "is not Cluster"),
        (f"kind: 0x{'f' * 5000}\napiVersion: v1", "is not Cluster"),
        ("kind: [a]\napiVersion: v1", "mcs-controller: (v1) is not Cluster"),
        (REGISTRY.replace("west, namespace", "east, namespace"), "two clusters of the file are named east"),
        (
            REGISTRY.replace("east.example", "http://east.example"),
            "Cluster east: server is reached without TLS",
        ),
    ],
)
async def test_a_file_that_cannot_be_imported_prints_nothing_but_why(
    tmp_path: Path, text: str, complaint: str
) -> None:
    file = tmp_path / "clusters.yaml"
    file.write_text(text)
    ended = await run("clusters", "import", file)
    assert (ended.exit_code, ended.stdout) == (1, "")
    assert complaint in ended.stderr


@pytest.mark.requirement("CR-05")
async def test_all_objects_that_cannot_be_converted_are_named_in_one_run(tmp_path: Path) -> None:
    file = tmp_path / "clusters.yaml"
    bad = REGISTRY.replace("east.example", "http://east.example").replace("https://west", "ftp://west")
    file.write_text(f"{REGISTRY}---\n{bad}---\n{{kind: Pod, apiVersion: v1, metadata: {{name: x}}}}")
    ended = await run("clusters", "import", file)
    assert (ended.exit_code, ended.stdout) == (1, "")
    *each, last = ended.stderr.splitlines()
    assert [line.split(":")[0] for line in each] == ["Cluster east", "KubeFedCluster west", *each[2:]]
    assert "use https" in each[0]
    assert each[2].startswith("Pod x (v1) is not")
    assert "3 objects cannot be converted, nothing is printed" in last


@pytest.mark.requirement("CR-05")
async def test_broken_yaml_is_told_with_its_line(tmp_path: Path) -> None:
    file = tmp_path / "clusters.yaml"
    file.write_text("kind: Cluster\nmetadata: {name: s3cret\nspec: [")
    ended = await run("clusters", "import", file)
    assert (ended.exit_code, ended.stdout) == (1, "")
    assert "is no YAML or JSON, or nested too deeply: look at line 3" in ended.stderr
    assert "s3cret" not in ended.stderr


@pytest.mark.requirement("CR-05")
async def test_what_the_plugin_will_ignore_and_which_providers_there_are_is_noted(tmp_path: Path) -> None:
    file = tmp_path / "clusters.yaml"
    more = ", {clientCIDR: 10.0.0.0/8, serverAddress: 10.0.0.1}]"
    text = REGISTRY.replace("serverAddress: east.example}]", "serverAddress: east.example}" + more)
    file.write_text(text.replace("name: east-token", "namespace: consumer, name: east-token"))
    ended = await run("clusters", "import", file)
    assert ended.exit_code == 0, ended
    assert (
        "Cluster east: the plugin secretreader ignores the namespace consumer of Secret east-token"
        in ended.stderr
    )
    assert "its access providers are secretreader-external, secretreader-internal: " in ended.stderr
    assert "KubeFedCluster west" not in ended.stderr


async def test_help_says_the_only_value_of_from() -> None:
    ended = await run("clusters", "import", "--help")
    assert "the only value is cluster-registry" in " ".join(ended.stdout.split())

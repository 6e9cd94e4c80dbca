"""`mcs-controller broker set-access`: how consumers reach a member, said by the broker's administrator."""

from __future__ import annotations

from base64 import b64encode
from pathlib import Path
from typing import Any

import pytest

from mcs_controller.api.resources import MEMBER_CLUSTERS
from tests.cli.installing import Scene, told
from tests.cli.program import Ended
from tests.kube.pki import make_pki

pytestmark = pytest.mark.slow

CONFIG = "client.authentication.k8s.io/exec"
SERVER = "https://east.example:6443"


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    return Scene(tmp_path)


async def set_access(scene: Scene, *words: str | Path) -> Ended:
    return await scene.broker("set-access", "east", *words)


async def access(scene: Scene) -> list[dict[str, Any]]:
    """What the MemberCluster says."""
    member = await scene.api["broker"].get(MEMBER_CLUSTERS, "east", "mcs-member-east")
    found: list[dict[str, Any]] = member["spec"].get("access", [])
    return found


@pytest.mark.requirement("CP-27")
async def test_ways_are_set_replaced_and_removed_one_by_one(scene: Scene, tmp_path: Path) -> None:
    pki = make_pki(tmp_path)
    ca = pki.path("ca.crt")
    async with scene.serving():
        await scene.member()
        way = ("--provider", "secretreader", "--server", SERVER, "--certificate-authority", ca)
        ended = await set_access(scene, *way, "--exec-config", '{"clusterName": "east"}')
        assert ended.exit_code == 0, ended
        assert ended.stdout.splitlines()[1].split() == ["secretreader", SERVER, "by", "its", "CA"]
        first = {
            "name": "secretreader",
            "server": SERVER,
            "certificateAuthorityData": b64encode(pki.data("ca.crt")).decode(),
            "extensions": [{"name": CONFIG, "extension": {"clusterName": "east"}}],
        }
        assert await access(scene) == [first]
        more = ("--tls-server-name", "east.test", "--proxy-url", "http://proxy:3128", "--disable-compression")
        ended = await set_access(scene, "--provider", "cloud", "--server", SERVER, *more)
        assert ended.exit_code == 0, ended
        second = {
            "name": "cloud",
            "server": SERVER,
            "tlsServerName": "east.test",
            "proxyUrl": "http://proxy:3128",
            "disableCompression": True,
        }
        assert await access(scene) == [first, second]
        # What is set again is replaced as a whole, in its place.
        ended = await set_access(
            scene, "--provider", "secretreader", "--server", "https://new", "--insecure-skip-tls-verify"
        )
        assert "can take its credential" in ended.stderr
        third = {"name": "secretreader", "server": "https://new", "insecureSkipTLSVerify": True}
        assert await access(scene) == [third, second]
        assert (await set_access(scene, "--provider", "secretreader", "--remove")).exit_code == 0
        assert await access(scene) == [second]
        assert "has no access provider secretreader" in told(
            await set_access(scene, "--provider", "secretreader", "--remove")
        )
        ended = await set_access(scene, "--provider", "cloud", "--remove")
        assert "is reached by nobody" in ended.stdout
        assert await access(scene) == []


@pytest.mark.requirement("CP-15")
@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (("--server", "http://east"), "without TLS"),
        (("--server", "https://me:s3cret@east"), "no URL of an API server"),
        (("--server", SERVER, "--proxy-url", "http://me:s3cret@proxy"), "without a password"),
        (("--server", SERVER, "--exec-config", "[]"), "no JSON object"),
        (("--server", SERVER, "--exec-config", '{"token": "s3cret-of-mine"}'), "held a credential"),
        (
            ("--server", SERVER, "--exec-config", '{"x": "aB3dE5fG7hI9jK1lM3nO5pQ7"}'),
            "held a credential",
        ),
        ((), "--server is missing"),
    ],
)
async def test_what_consumers_could_be_harmed_by_is_refused(
    scene: Scene, words: tuple[str, ...], complaint: str
) -> None:
    async with scene.serving():
        ended = await set_access(scene, "--provider", "secretreader", *words)
    assert (ended.exit_code, ended.stdout) == (2, "")
    assert complaint in ended.stderr
    assert "s3cret" not in ended.stderr


async def test_an_api_server_that_is_no_broker_is_named_as_such(scene: Scene) -> None:
    async with scene.serving():
        ended = await set_access(scene, "--provider", "secretreader", "--server", SERVER)
    assert "serves no MemberClusters: give the broker's kubeconfig with --broker-kubeconfig" in told(ended)
    assert "create-member" not in told(ended)


@pytest.mark.parametrize(
    ("words", "warning"),
    [
        (("--proxy-url", "socks5://proxy:1080"), "--proxy-url is a SOCKS proxy"),
        (
            ("--exec-config", '{"clusterName": "../x"}'),
            "clusterName in --exec-config can be no Secret",
        ),
        (("--exec-config", '{"clusterName": 7}'), "clusterName in --exec-config can be no Secret"),
        (("--exec-config", '{"project": "Of_Another"}', "--proxy-url", "http://proxy:3128"), ""),
    ],
)
async def test_what_only_consumers_of_others_can_use_is_set_with_a_warning(
    scene: Scene, words: tuple[str, ...], warning: str
) -> None:
    async with scene.serving():
        await scene.member()
        ended = await set_access(scene, "--provider", "secretreader", "--server", SERVER, *words)
        assert ended.exit_code == 0, ended
        assert [one["server"] for one in await access(scene)] == [SERVER]
    if warning:
        assert f"warning: {warning}" in ended.stderr
        assert ended.stderr.count("warning") == 1
    else:
        assert "warning" not in ended.stderr


async def test_a_member_that_is_not_there_is_named(scene: Scene) -> None:
    async with scene.serving():
        await scene.broker("init")
        ended = await set_access(scene, "--provider", "secretreader", "--server", SERVER)
    assert "there is no member east on this broker" in told(ended)

"""An agent renews its token for the broker, on real API servers, and all its tokens can be revoked.

The Secret is brought to the agent as a kubelet would. The first token is made so that it ends within a
minute: an API server would issue none for less than ten.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.cli.installing import results, told
from tests.cli.program import run
from tests.integration.test_setting_up import install, planes, start_agent
from tests.realkube import rest
from tests.realkube.clusterset import RealClusterset
from tests.realkube.controlplane import ControlPlane
from tests.realkube.mounting import MountedSecret
from tests.realkube.product import Component, killed_in_the_end
from tests.realkube.tokens import TAKEN_FOR_SECONDS, token_for_seconds
from tests.support.waiting import eventually

__all__ = ["planes"]

pytestmark = [pytest.mark.realkube, pytest.mark.slow, pytest.mark.timeout(300)]

PLACE = "mcs-member-east"
GOOD_SECONDS = 45.0
MEMBER = f"/apis/broker.mcs-controller.io/v1alpha1/namespaces/{PLACE}/memberclusters/east"


def token_in(kubeconfig: bytes) -> str:
    token: str = yaml.safe_load(kubeconfig)["users"][0]["user"]["token"]
    return token


def with_token(kubeconfig: bytes, token: str) -> bytes:
    config = yaml.safe_load(kubeconfig)
    config["users"][0]["user"]["token"] = token
    return yaml.safe_dump(config).encode()


async def accepts(broker: ControlPlane, token: str) -> bool:
    answer = await rest.send(broker.url, "GET", MEMBER, ca_file=broker.ca_file, token=token)
    assert answer.status in (200, 401)
    return answer.status == 200


async def heartbeat(broker: ControlPlane) -> str:
    found: str = (await broker.call("GET", MEMBER)).get("status", {}).get("heartbeat", "")
    return found


async def readiness(agent: Component) -> tuple[int, str]:
    answer = await rest.send(agent.http, "GET", "/readyz")
    return answer.status, str(answer.body)


async def goes_on(broker: ControlPlane, agent: Component) -> None:
    """The agent renews its heartbeat from now on, and says that all is well."""
    before = await heartbeat(broker)
    await eventually(lambda: heartbeat(broker), lambda found: found > before, 60)
    await eventually(lambda: readiness(agent), lambda said: said[0] == 200, 60)


async def test_a_token_is_renewed_before_it_ends_and_a_revoked_one_is_refused_at_once(
    planes: RealClusterset, tmp_path: Path
) -> None:
    broker, east = planes["broker"], planes["east"]
    on_broker = ("--broker-kubeconfig", broker.kubeconfig())
    in_east = ("--kubeconfig", east.kubeconfig())
    file = tmp_path / "east-on-broker.kubeconfig"
    assert results(await run("broker", "init", *on_broker))
    assert results(await run("broker", "create-member", "east", *on_broker, "--output-file", file))
    assert results(await run("join", "--broker-kubeconfig", file, *in_east)) == ["created"] * 2
    await install(east, in_east)

    folder = tmp_path / "mounted"
    folder.mkdir()
    secret = MountedSecret(east, "mcs-system", "mcs-broker", folder)
    old = await token_for_seconds(broker, PLACE, "member", GOOD_SECONDS, age_seconds=7200)
    before = with_token(file.read_bytes(), old)
    await secret.write(kubeconfig=before)
    async with secret.followed():
        await secret.follow()
        options = ("--broker-renew-in=mcs-system/mcs-broker", "--heartbeat-interval-seconds=1")
        agent = await start_agent(east, folder / "kubeconfig", tmp_path, *options)
        with killed_in_the_end(agent):
            renewed = (await eventually(secret.read, lambda found: found["kubeconfig"] != before, 40))[
                "kubeconfig"
            ]
            assert token_in(renewed) != old
            assert with_token(renewed, old) == before
            await eventually(lambda: accepts(broker, old), lambda good: not good, GOOD_SECONDS + 60)
            await goes_on(broker, agent)
            assert 'mcs_credential_renewals_total{result="ok"} 1.0' in await agent.metrics()
            await revoke(planes, tmp_path, secret, agent)
        for token in (old, token_in(renewed)):
            assert token not in agent.process.log_file.read_text()


async def revoke(planes: RealClusterset, folder: Path, secret: MountedSecret, agent: Component) -> None:
    """The agent says what to do, and goes on with what `join` brings."""
    broker, east = planes["broker"], planes["east"]
    stolen = [token_in((await secret.read())["kubeconfig"])]
    # Whoever has one may have used it to get more.
    stolen.append(await asked_by(broker, stolen[0]))
    file = folder / "another.kubeconfig"
    words: tuple[Any, ...] = ("create-member", "east", "--renew", "--output-file", file)
    ended = await run("broker", *words, "--revoke", "--broker-kubeconfig", broker.kubeconfig())
    assert sorted(results(ended)) == ["replaced", *["unchanged"] * 4]
    assert await accepts(broker, token_in(file.read_bytes()))
    for token in stolen:
        await eventually(partial(accepts, broker, token), lambda good: not good, TAKEN_FOR_SECONDS)
    advice = "`broker create-member east --renew`, and `join` brings it here"
    await eventually(lambda: readiness(agent), lambda said: said[0] == 503 and advice in said[1], 60)
    with_stolen = folder / "stolen.kubeconfig"
    with_stolen.write_bytes(with_token(file.read_bytes(), stolen[1]))
    in_east = ("--kubeconfig", east.kubeconfig())
    assert "--renew` makes another" in told(await run("join", "--broker-kubeconfig", with_stolen, *in_east))

    # The first is the property that names the cluster: nobody had joined it with the command before.
    joined = results(await run("join", "--broker-kubeconfig", file, *in_east))
    assert joined == ["created", "unchanged", "updated"]
    await goes_on(broker, agent)


async def asked_by(broker: ControlPlane, token: str) -> str:
    """Another token, as long as somebody may ask for it."""
    spec = {"spec": {"expirationSeconds": 10 * 365 * 86_400}}
    path = f"/api/v1/namespaces/{PLACE}/serviceaccounts/member/token"
    answer = await rest.send(broker.url, "POST", path, ca_file=broker.ca_file, token=token, body=spec)
    assert answer.status == 201
    made: str = answer.body["status"]["token"]
    return made

"""The token for the broker is renewed before it ends, and nothing that others write is lost."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
from base64 import b64decode, b64encode, urlsafe_b64encode
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import format_datetime
from pathlib import Path
from random import Random
from typing import Any

import pytest
import yaml
from prometheus_client import CollectorRegistry

from mcs_controller.api.resources import NAMESPACES, SECRETS, SERVICE_ACCOUNTS
from mcs_controller.cli.install_settings import CreateMemberSettings
from mcs_controller.cli.options import options_of
from mcs_controller.controllers.config import AgentConfig, SecretName
from mcs_controller.controllers.membership.credential import (
    FIRST_RETRY_SECONDS,
    FOLLOWED_WITHIN_SECONDS,
    LONGEST_RETRY_SECONDS,
    LOOK_SECONDS,
    RENEW_AFTER_SHARES,
    CredentialRenewal,
    MountedCredential,
    asked_seconds,
    due_at,
)
from mcs_controller.controllers.runtime.context import Context
from mcs_controller.kube.client import Client
from mcs_controller.kube.connection.lifetime import Lifetime
from mcs_controller.kube.connection.transport import Request, Response
from mcs_controller.kube.fence import LeaseFence
from mcs_controller.simcluster.cluster import SimCluster
from tests.support.agents import LoopClock, Told
from tests.support.kubeconfigs import kubeconfig
from tests.support.objects import namespace_body
from tests.support.transports import PassingTransport

ISSUED, LIFE_SECONDS = 1_800_000_000, 86_400
DAY = 86_400.0
PLACE = "mcs-member-east"
SECRET = SecretName("mcs-system", "mcs-broker")
KEY = "config"
RENEWED = f"system:serviceaccount:{PLACE}:member"
"""What simcluster issues as a token of the account."""

pytestmark = pytest.mark.looptime


def token(subject: str = RENEWED, **claims: int) -> str:
    said = {"sub": subject, "iat": ISSUED, "exp": ISSUED + LIFE_SECONDS, **claims}
    return f"e30.{urlsafe_b64encode(json.dumps(said).encode()).decode().rstrip('=')}.c2ln"


class Dated(PassingTransport):
    """A broker that says what time it is."""

    def __init__(self, transport: Any) -> None:
        super().__init__(transport)
        self.now: datetime | None = None
        self.asked: list[Any] = []
        self.answered: Callable[[], None] = lambda: None
        """Called when a token was given."""

    async def request(self, request: Request, *, timeout_seconds: float) -> Response:
        if request.path.endswith("/token"):
            self.asked.append(json.loads(request.body or b""))
        answer = await super().request(request, timeout_seconds=timeout_seconds)
        if request.path.endswith("/token"):
            self.answered()
        if self.now is None:
            return answer
        return Response(answer.status, {**answer.headers, "date": format_datetime(self.now)}, answer.body)


class At:
    """A clock that stands at a share of the token's life."""

    def __init__(self, share: float) -> None:
        self.share = share

    def now(self) -> datetime:
        return datetime.fromtimestamp(ISSUED + self.share * LIFE_SECONDS, UTC)


@dataclass
class Scene:
    """A file as a kubelet mounts it, the Secret that it is of, and the broker."""

    file: Path
    east: SimCluster
    broker: SimCluster

    def __post_init__(self) -> None:
        self.wire = Dated(self.broker.transport("admin"))
        self.clock = At(0.0)
        self.registry = CollectorRegistry()
        self.fence = LeaseFence(LoopClock())
        self.fence.prove(float("inf"), self.fence.offset_seconds())

    def renewal(self, share: float, *, seed: int = 1) -> CredentialRenewal:
        self.clock.share = share
        self.registry = CollectorRegistry()
        context = Context.of(
            AgentConfig(cluster_id="east"),
            local=self.east.client().fenced(self.fence),
            broker=Client(self.wire, name="broker").fenced(self.fence),
            clock=self.clock,
            random=Random(seed),
            registry=self.registry,
            events=Told(),
        )
        return CredentialRenewal(context, MountedCredential(self.file, None, SECRET))

    async def mount(self, user: dict[str, Any]) -> None:
        """The Secret has a kubeconfig of that user, and the kubelet has brought it."""
        content = yaml.safe_dump(kubeconfig(user=user)).encode()
        self.file.write_bytes(content)
        data = {KEY: b64encode(content).decode()}
        await self.east.client().patch(SECRETS, SECRET.name, {"data": data}, namespace=SECRET.namespace)

    async def stored(self) -> dict[str, str]:
        found = await self.east.client().get(SECRETS, SECRET.name, SECRET.namespace)
        return dict(found["data"])

    async def user(self) -> Any:
        """Of the kubeconfig in the Secret."""
        return yaml.safe_load(b64decode((await self.stored())[KEY]))["users"][0]["user"]

    def attempts(self, result: str) -> float | None:
        return self.registry.get_sample_value("mcs_credential_renewals_total", {"result": result})


@pytest.fixture
async def scene(tmp_path: Path) -> AsyncIterator[Scene]:
    async with SimCluster("east", random=Random(1)) as east, SimCluster("broker", random=Random(2)) as broker:
        await east.client().create(NAMESPACES, namespace_body(SECRET.namespace))
        metadata = {"name": SECRET.name, "namespace": SECRET.namespace}
        await east.client().create(SECRETS, {"metadata": metadata, "data": {"other": "a2VwdA=="}})
        await broker.client().create(NAMESPACES, namespace_body(PLACE))
        account = {"metadata": {"name": "member", "namespace": PLACE}}
        await broker.client().create(SERVICE_ACCOUNTS, account)
        made = Scene(tmp_path / KEY, east, broker)
        await made.mount({"token": token()})
        yield made


async def test_after_two_thirds_of_its_life_a_token_is_replaced_in_the_secret(
    scene: Scene, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    before = await scene.stored()
    assert await scene.renewal(0.67).step() == FOLLOWED_WITHIN_SECONDS
    assert await scene.user() == {"token": RENEWED}
    assert scene.wire.asked[0]["spec"] == {"expirationSeconds": LIFE_SECONDS}
    after = await scene.stored()
    assert after["other"] == before["other"]
    changed, whole = (yaml.safe_load(b64decode(one[KEY])) for one in (after, before))
    assert {**changed, "users": None} == {**whole, "users": None}
    assert (scene.attempts("ok"), scene.attempts("error")) == (1, 0)
    (said,) = caplog.messages
    assert said.startswith("renewed the token for the broker in Secret mcs-system/mcs-broker; it is valid un")


async def test_before_that_nothing_is_asked_or_written(scene: Scene) -> None:
    before = await scene.stored()
    assert await scene.renewal(0.1).step() == LOOK_SECONDS
    seconds = await scene.renewal(RENEW_AFTER_SHARES[0]).step()
    assert 0 < seconds <= LOOK_SECONDS
    assert await scene.stored() == before
    assert scene.wire.asked == []
    assert (scene.attempts("ok"), scene.attempts("error")) == (0, 0)


async def test_a_token_that_lasts_for_minutes_is_not_renewed_all_the_time(scene: Scene) -> None:
    await scene.mount({"token": token(exp=ISSUED + 600)})
    assert 0 < await scene.renewal(300 / LIFE_SECONDS).step() <= 100
    assert scene.wire.asked == []


async def test_after_a_failure_that_is_over_the_next_one_is_told_and_tried_as_the_first(
    scene: Scene, caplog: pytest.LogCaptureFixture
) -> None:
    fault = scene.broker.faults.fail(500, resources=("serviceaccounts",))
    renewal = scene.renewal(0.8)
    assert max([await renewal.step() for _ in range(30)]) > 2 * FIRST_RETRY_SECONDS
    fault.lift()
    await scene.mount({"token": token(iat=ISSUED + LIFE_SECONDS, exp=ISSUED + 2 * LIFE_SECONDS)})
    assert await renewal.step() == LOOK_SECONDS
    scene.broker.faults.fail(500, resources=("serviceaccounts",))
    scene.clock.share = 1.8
    assert await renewal.step() <= FIRST_RETRY_SECONDS
    assert len(caplog.messages) == 2


async def test_members_whose_tokens_were_made_together_renew_them_apart_and_each_holds_to_its_time(
    scene: Scene,
) -> None:
    share = sum(RENEW_AFTER_SHARES) / 2
    renewed = []
    for seed in range(20):
        await scene.mount({"token": token()})
        renewal = scene.renewal(share, seed=seed)
        # So often that a time that is drawn anew at each look would come.
        seconds = {await renewal.step() for _ in range(50)}
        renewed.append(scene.attempts("ok") != 0)
        if not renewed[-1]:
            assert len(seconds) == 1
    assert {False, True} == set(renewed)


async def test_it_goes_by_the_brokers_clock_if_that_is_told(scene: Scene) -> None:
    scene.wire.now = datetime.fromtimestamp(ISSUED + 60, UTC)
    assert await scene.renewal(50.0).step() == LOOK_SECONDS
    scene.wire.now = datetime.fromtimestamp(ISSUED + 0.8 * LIFE_SECONDS, UTC)
    assert await scene.renewal(-50.0).step() == FOLLOWED_WITHIN_SECONDS


async def test_a_broker_that_is_away_is_no_failure_as_long_as_nothing_is_due(
    scene: Scene, caplog: pytest.LogCaptureFixture
) -> None:
    scene.broker.faults.fail(503)
    renewal = scene.renewal(0.1)
    assert await renewal.step() == LOOK_SECONDS
    assert caplog.messages == []
    scene.clock.share = 0.8
    assert await renewal.step() <= FIRST_RETRY_SECONDS
    assert "the broker gave no other one (503" in caplog.text


@pytest.mark.parametrize(
    "user",
    [
        {"token": "opaque-token-of-somebody"},
        {"token": token("somebody")},
        {"token": token(exp=ISSUED)},
        {"tokenFile": "/var/token"},
        {"client-certificate-data": "Y2VydA=="},
    ],
    ids=["opaque", "of no account", "no end", "file", "certificate"],
)
async def test_a_credential_that_is_no_accounts_or_says_nothing_of_its_end_is_left_alone(
    scene: Scene, caplog: pytest.LogCaptureFixture, user: dict[str, Any]
) -> None:
    caplog.set_level(logging.INFO)
    await scene.mount(user)
    before = await scene.stored()
    renewal = scene.renewal(5.0)
    for _ in range(3):
        assert await renewal.step() == LOOK_SECONDS
    assert await scene.stored() == before
    assert caplog.messages == [
        "the credential for the broker is not renewed, since it is no token of a ServiceAccount that says "
        "when it ends"
    ]


async def test_what_others_wrote_into_the_secret_is_not_overwritten(
    scene: Scene, caplog: pytest.LogCaptureFixture
) -> None:
    old = scene.file.read_bytes()
    await scene.mount({"token": "what-join-has-just-brought"})
    scene.file.write_bytes(old)
    renewal = scene.renewal(0.8)
    assert await renewal.step() <= FIRST_RETRY_SECONDS
    assert await scene.user() == {"token": "what-join-has-just-brought"}
    assert f"Secret mcs-system/mcs-broker does not hold, as {KEY}, what {scene.file} has" in caplog.text
    assert scene.attempts("error") == 1


@pytest.mark.parametrize(
    ("side", "code", "told"),
    [
        ("broker", 403, "its administrator runs `broker init` again, or upgrades the chart mcs-broker"),
        ("broker", 401, "`broker create-member east --renew`, and `join` brings it here"),
        ("broker", 500, "the broker gave no other one"),
        ("east", 403, "the agent has no right to write Secret mcs-system/mcs-broker"),
        ("east", 500, "Secret mcs-system/mcs-broker was not written"),
    ],
)
async def test_a_refusal_is_told_once_with_what_to_do_counted_and_tried_again(
    scene: Scene, caplog: pytest.LogCaptureFixture, side: str, code: int, told: str
) -> None:
    sim = scene.broker if side == "broker" else scene.east
    fault = sim.faults.fail(code, resources=("serviceaccounts", "secrets"))
    renewal = scene.renewal(0.8)
    waits = [await renewal.step() for _ in range(30)]
    assert all(seconds <= LONGEST_RETRY_SECONDS for seconds in waits)
    assert waits[0] <= FIRST_RETRY_SECONDS < max(waits)
    (said,) = caplog.messages
    assert said.startswith("cannot renew the token for the broker: ")
    assert told in said
    assert token().split(".")[1] not in said
    assert scene.attempts("error") == 30
    fault.lift()
    assert await renewal.step() == FOLLOWED_WITHIN_SECONDS
    assert await scene.user() == {"token": RENEWED}


async def test_a_secret_or_a_file_that_is_not_there_is_told(
    scene: Scene, caplog: pytest.LogCaptureFixture
) -> None:
    await scene.east.client().delete(SECRETS, SECRET.name, namespace=SECRET.namespace)
    await scene.renewal(0.8).step()
    scene.file.write_text("users: [")
    await scene.renewal(0.8).step()
    scene.file.unlink()
    await scene.renewal(0.8).step()
    for text, said in zip(
        ("was not written (404", "cannot be used: it is not valid YAML", "cannot be read: No such file"),
        caplog.messages,
        strict=True,
    ):
        assert text in said


async def test_a_server_that_says_when_to_come_again_is_believed(scene: Scene) -> None:
    scene.broker.faults.fail(429, retry_after_seconds=120, resources=("serviceaccounts",))
    assert 120 <= await scene.renewal(0.8).step() <= 132


async def test_who_does_not_lead_any_more_writes_nothing_and_is_no_failure(
    scene: Scene, caplog: pytest.LogCaptureFixture
) -> None:
    before = await scene.stored()
    renewal = scene.renewal(0.8)
    scene.fence.close()
    await renewal.step()
    assert await scene.stored() == before
    assert scene.wire.asked == []
    assert (scene.attempts("error"), caplog.messages) == (0, [])


async def test_who_loses_the_lead_once_the_token_is_there_writes_nothing_and_is_no_failure(
    scene: Scene, caplog: pytest.LogCaptureFixture
) -> None:
    before = await scene.stored()
    scene.wire.answered = scene.fence.close
    assert await scene.renewal(0.8).step() == FIRST_RETRY_SECONDS
    assert len(scene.wire.asked) == 1
    assert await scene.stored() == before
    assert (scene.attempts("error"), caplog.messages) == (0, [])


async def test_it_runs_until_it_is_cancelled_and_goes_on_after_an_error_that_nobody_foresaw(
    scene: Scene, caplog: pytest.LogCaptureFixture
) -> None:
    renewal = scene.renewal(0.8)
    renewal._read = lambda: 1 / 0  # type: ignore[assignment,method-assign,return-value]
    running = asyncio.create_task(renewal.run())
    await asyncio.sleep(LONGEST_RETRY_SECONDS / 2)
    assert scene.attempts("error") == 1
    assert "the token for the broker could not be renewed" in caplog.text
    del renewal._read
    await asyncio.sleep(LONGEST_RETRY_SECONDS)
    assert await scene.user() == {"token": RENEWED}
    assert renewal.problems() == {}
    running.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await running


@pytest.mark.parametrize(
    ("life_seconds", "asked"), [(60, 600), (600, 600), (86_400.4, 86_400), (20 * 365 * DAY, 365 * 86_400)]
)
def test_another_token_lasts_as_long_as_the_one_before_within_bounds(life_seconds: float, asked: int) -> None:
    assert asked_seconds(Lifetime(1000.0, 1000.0 + life_seconds)) == asked


def test_a_token_that_has_not_been_renewed_yet_is_good_for_a_fortnight_by_default() -> None:
    (default,) = (one.default for one in options_of(CreateMemberSettings) if one.key == "token_hours")
    lifetime = Lifetime(0.0, int(default or "") * 3600.0)
    left = [lifetime.expires - due_at(lifetime, share) for share in RENEW_AFTER_SHARES]
    assert min(left) == pytest.approx(14 * DAY)

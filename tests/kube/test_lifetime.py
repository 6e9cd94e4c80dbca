"""What is told of the end of a token: what it says itself, and nothing where it says nothing."""

from __future__ import annotations

import json
from base64 import urlsafe_b64encode
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from mcs_controller.kube.client import Client
from mcs_controller.kube.connection.config import load_kubeconfig
from mcs_controller.kube.connection.credentials import TokenFile
from mcs_controller.kube.connection.lifetime import Account, Lifetime, account_of, lifetime_of
from mcs_controller.kube.metrics import KubeMetrics
from tests.support.kubeconfigs import kubeconfig, write


def token(claims: Any) -> str:
    payload = claims if isinstance(claims, str) else json.dumps(claims)
    return f"e30.{urlsafe_b64encode(payload.encode()).decode().rstrip('=')}.c2lnbmF0dXJl"


LASTING = token({"iat": 1000, "exp": 87_400, "sub": "system:serviceaccount:mcs-member-east:east"})


def test_a_token_says_when_it_was_issued_and_when_it_ends() -> None:
    assert lifetime_of(f"Bearer {LASTING}") == Lifetime(1000, 87_400)


@pytest.mark.parametrize(
    "said",
    [
        "opaque",
        "a.b",
        "a.%%%.c",
        "a.e.c",
        token("no JSON"),
        token([1]),
        token("[" * 100_000),
        token({}),
        token({"iat": 1}),
        token({"exp": 1}),
        token({"iat": "soon", "exp": 5}),
        token({"iat": None, "exp": 5}),
        token({"iat": 5, "exp": 5}),
        token('{"iat": NaN, "exp": 5}'),
        token('{"iat": 1, "exp": 1e999}'),
        token('{"iat": 1, "exp": 1' + "0" * 400 + "}"),
        # No calendar has the years 10000 and before 1970, and whoever shows a time needs one.
        token({"iat": 1, "exp": 253_402_300_800}),
        token({"iat": 1, "exp": 1e300}),
        token({"iat": -1e300, "exp": 5}),
    ],
    ids=lambda said: said[:40],
)
def test_nothing_is_told_of_a_token_that_says_nothing(said: str) -> None:
    assert lifetime_of(f"Bearer {said}") is None


def test_a_token_until_the_last_second_of_the_calendar_says_so() -> None:
    lifetime = lifetime_of(f"Bearer {token({'iat': 1, 'exp': 253_402_300_799})}")
    assert lifetime is not None
    assert datetime.fromtimestamp(lifetime.expires, UTC) == datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)


def test_a_token_of_a_service_account_says_whose_it_is() -> None:
    assert account_of(LASTING) == Account("mcs-member-east", "east")


@pytest.mark.parametrize(
    "said",
    [
        "",
        "opaque",
        token([1]),
        token({}),
        token({"sub": None}),
        token({"sub": "somebody"}),
        token({"sub": "somebody:of:here"}),
        token({"sub": "system:serviceaccount:"}),
        token({"sub": "system:serviceaccount:alone"}),
        token({"sub": "system:serviceaccount::member"}),
    ],
)
def test_other_tokens_are_of_no_service_account(said: str) -> None:
    assert account_of(said) is None


def test_nothing_is_told_where_there_is_no_token() -> None:
    assert lifetime_of(None) is None


async def test_a_token_file_is_told_of_once_it_has_been_read(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text(LASTING)
    credential = TokenFile(file)
    assert credential.lifetime() is None
    await credential.authorization()
    assert credential.lifetime() == Lifetime(1000, 87_400)


async def test_prometheus_is_told_when_the_token_of_a_kubeconfig_ends(tmp_path: Path) -> None:
    path = write(tmp_path, "broker.kubeconfig", kubeconfig(user={"token": LASTING}))
    client = Client(load_kubeconfig(path), name="broker")
    registry = CollectorRegistry()
    KubeMetrics(registry).watch_client(client)
    labels = {"client": "broker"}
    try:
        assert registry.get_sample_value("mcs_kube_credential_issued_timestamp_seconds", labels) == 1000
        assert registry.get_sample_value("mcs_kube_credential_expires_timestamp_seconds", labels) == 87_400
    finally:
        await client.close()


async def test_prometheus_is_told_nothing_of_a_token_that_does_not_end(tmp_path: Path) -> None:
    client = Client(load_kubeconfig(write(tmp_path, "broker.kubeconfig", kubeconfig())), name="broker")
    registry = CollectorRegistry()
    KubeMetrics(registry).watch_client(client)
    try:
        assert (
            registry.get_sample_value("mcs_kube_credential_expires_timestamp_seconds", {"client": "broker"})
            is None
        )
    finally:
        await client.close()

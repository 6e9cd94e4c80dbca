"""Tokens of ServiceAccounts: asked for at a subresource, which stores nothing."""

from __future__ import annotations

import pytest

from tests.contract.api import Api


@pytest.fixture
async def tokens(api: Api, core: str) -> str:
    await api.ok("POST", f"{core}/serviceaccounts", {"metadata": {"name": "robot"}})
    return f"{core}/serviceaccounts/robot/token"


async def test_a_token_says_when_it_expires(api: Api, tokens: str) -> None:
    answer = await api.send("POST", tokens, {"spec": {"expirationSeconds": 7200}})
    assert answer.status == 201
    assert answer.body["kind"] == "TokenRequest"
    assert answer.body["spec"]["expirationSeconds"] == 7200
    assert answer.body["status"]["token"]
    assert answer.body["status"]["expirationTimestamp"].endswith("Z")


async def test_a_token_of_a_few_seconds_is_refused(api: Api, tokens: str) -> None:
    answer = await api.send("POST", tokens, {"spec": {"expirationSeconds": 60}})
    assert (answer.status, answer.reason) == (422, "Invalid")
    assert "may not specify a duration less than 10 minutes" in answer.body["message"]


async def test_there_is_no_token_of_an_account_that_does_not_exist_and_none_to_read(
    api: Api, tokens: str
) -> None:
    assert (await api.send("POST", tokens.replace("robot", "nobody"), {"spec": {}})).status == 404
    assert (await api.send("GET", tokens)).status == 405

"""A row of the list of clusters, of whatever a ClusterProfile says."""

from __future__ import annotations

import json
from copy import deepcopy
from typing import Any

import pytest

from mcs_controller.access.listing import COLUMNS, WIDE_COLUMNS, row, without_passwords
from tests.access.profiles import offer, profile

NOW_SECONDS = 1_767_225_600.0
"""2026-01-01T00:00:00Z."""


def found(**metadata: Any) -> dict[str, Any]:
    body = profile(offer("one"), deprecated=(offer("two"), offer("one")))
    body["metadata"] |= metadata
    body["status"]["conditions"] = [{"type": "Joined", "status": "True"}]
    return body


@pytest.mark.parametrize(
    ("created", "age"),
    [
        ("2025-12-31T23:59:01Z", "59s"),
        ("2025-12-31T23:58:00Z", "2m"),
        ("2025-12-31T22:30:00Z", "90m"),
        ("2025-12-31T20:00:00Z", "4h"),
        ("2025-12-20T00:00:00Z", "12d"),
        ("2026-01-02T00:00:00Z", "0s"),
        ("9999-12-31T23:59:59.999999999Z", "0s"),
        ("0001-01-01T00:00:00Z", "739616d"),
        ("0000-01-01T00:00:00Z", ""),
        ("9999-12-31T23:59:59-23:59", ""),
        ("yesterday", ""),
        (None, ""),
    ],
)
def test_a_row_shows_name_manager_conditions_and_age(created: str | None, age: str) -> None:
    cells = dict(zip(COLUMNS, row(found(creationTimestamp=created), NOW_SECONDS), strict=True))
    assert (cells["NAME"], cells["MANAGER"], cells["VERSION"]) == ("prod-east", "prod", "")
    assert (cells["HEALTHY"], cells["JOINED"], cells["AGE"]) == ("", "True", age)


def test_ways_of_both_fields_are_shown_once() -> None:
    cells = dict(zip(WIDE_COLUMNS, row(found(), NOW_SECONDS, wide=True), strict=True))
    assert cells["ACCESS"] == "one,two"


ODD: list[Any] = [None, 7, "text", [], {}, [7], [{}], {"name": 7}]


@pytest.mark.parametrize("value", ODD)
@pytest.mark.parametrize("field", ["metadata", "spec", "status"])
def test_a_profile_of_any_shape_has_a_row(field: str, value: Any) -> None:
    body = {**found(), field: value}
    assert len(row(body, NOW_SECONDS, wide=True)) == len(WIDE_COLUMNS)
    status = {"conditions": value, "properties": value, "accessProviders": value, "version": value}
    assert len(row({**found(), "status": status}, NOW_SECONDS, wide=True)) == len(WIDE_COLUMNS)


def test_a_long_text_takes_no_more_than_a_column() -> None:
    body = found()
    for text in ("x" * 10_000, "\x1b[2J" * 16, "\U000e0001" * 63):
        body["spec"]["displayName"] = text
        assert max(map(len, row(body, NOW_SECONDS, wide=True))) <= 63
        assert all(cell.isprintable() for cell in row(body, NOW_SECONDS, wide=True))


def with_passwords() -> dict[str, Any]:
    """A profile of somebody who wrote a password into each URL that there is."""
    body = profile(
        offer("one", server="https://me:pw1@east:6443", proxy_url="http://me:pw2@proxy:3128"),
        offer("two", proxy_url="me:pw3@proxy:3128"),
        {"name": "three"},
        deprecated=(offer("four", proxy_url="http://me:p@w4/@proxy"),),
    )
    body["metadata"]["annotations"] = {
        "kubectl.kubernetes.io/last-applied-configuration": json.dumps(body),
        "wiki": "see http://me:pw5@wiki",
        "team": "a@b",
    }
    return body


@pytest.mark.requirement("CP-15")
def test_a_profile_is_shown_without_the_passwords_that_it_should_not_have() -> None:
    body = with_passwords()
    before = deepcopy(body)
    shown = without_passwords(body)
    assert body == before
    for secret in ("pw1", "pw2", "pw3", "w4", "pw5"):
        assert secret in json.dumps(body)
        assert secret not in json.dumps(shown)
    one, two, three = (one.get("cluster") for one in shown["status"]["accessProviders"])
    assert (one["server"], one["proxy-url"]) == ("https://***@east:6443", "http://***@proxy:3128")
    assert (two["proxy-url"], three) == ("***@proxy:3128", None)
    assert shown["status"]["credentialProviders"][0]["cluster"]["proxy-url"] == "http://***@proxy"
    assert shown["metadata"]["annotations"] == {"wiki": "see http://***@wiki", "team": "a@b"}


def test_a_profile_without_passwords_is_shown_as_it_is() -> None:
    body = found(annotations={"link": "https://wiki.example/east"})
    assert without_passwords(body) == body


@pytest.mark.parametrize("value", ODD)
def test_a_profile_of_any_shape_is_shown_as_it_is(value: Any) -> None:
    for field in ("metadata", "status"):
        body = {**found(), field: value}
        assert without_passwords(body) == body
    for ways in (
        value,
        [value],
        [{"name": "x", "cluster": value}],
        [{"cluster": {"server": value, "proxy-url": value}}],
    ):
        body = {**found(), "status": {"accessProviders": ways, "credentialProviders": ways}}
        assert without_passwords(body) == body

"""Refusals become errors of our tree, whatever their bodies hold."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcs_controller.kube import errors
from mcs_controller.kube.error_mapping import error_of_response, error_of_status
from tests.kube.fakes import status_body


@pytest.mark.parametrize(
    ("code", "reason", "expected"),
    [
        (400, "BadRequest", errors.ApiError),
        (401, "Unauthorized", errors.Unauthorized),
        (403, "Forbidden", errors.Forbidden),
        (404, "NotFound", errors.NotServed),
        (405, "MethodNotAllowed", errors.ApiError),
        (409, "Conflict", errors.Conflict),
        (409, "AlreadyExists", errors.AlreadyExists),
        (410, "Expired", errors.Gone),
        (410, "Gone", errors.Gone),
        (422, "Invalid", errors.Invalid),
        (429, "TooManyRequests", errors.TooManyRequests),
        (500, "InternalError", errors.ServerError),
        (503, "ServiceUnavailable", errors.ServerError),
        (504, "Timeout", errors.ServerError),
        (599, "", errors.ServerError),
        (302, "", errors.ApiError),
    ],
)
def test_each_status_code_has_its_class(code: int, reason: str, expected: type[errors.ApiError]) -> None:
    error = error_of_response(code, {}, json.dumps(status_body(code, reason, "why")).encode())
    assert type(error) is expected
    assert error.status == code
    assert error.message == "why"


@pytest.mark.requirement("MCS-LIFE-09")
def test_a_terminating_namespace_is_told_apart_from_a_missing_right() -> None:
    causes = [
        {"reason": "NamespaceTerminating", "message": "namespace shop is being terminated", "field": "x"}
    ]
    error = error_of_status(status_body(403, "Forbidden", causes=causes))
    assert type(error) is errors.NamespaceTerminating
    assert error.causes == (("x", "NamespaceTerminating", "namespace shop is being terminated"),)


def test_a_404_that_names_an_object_is_told_apart_from_one_of_a_path() -> None:
    body = json.dumps(status_body(404, "NotFound", name="web", kind="widgets")).encode()
    assert type(error_of_response(404, {}, body)) is errors.NotFound


def test_the_header_and_the_details_both_tell_when_to_come_back() -> None:
    body = json.dumps(status_body(429, "TooManyRequests", retryAfterSeconds=7)).encode()
    assert error_of_response(429, {}, body).retry_after_seconds == 7
    assert error_of_response(429, {"retry-after": "3"}, body).retry_after_seconds == 3
    assert error_of_response(429, {"retry-after": "soon"}, b"").retry_after_seconds is None
    assert error_of_response(429, {"retry-after": "9" * 400}, b"").retry_after_seconds is not None


def test_a_refusal_that_is_no_status_keeps_its_code_and_its_text() -> None:
    error = error_of_response(404, {}, b"404 page not found\n")
    assert type(error) is errors.NotServed
    assert str(error) == "404 NotFound: 404 page not found"


@pytest.mark.parametrize(
    "before", ["x " * 120, " " * 1010, "token=" + "y" * 990 + " "], ids=["text", "blanks", "mask"]
)
def test_a_credential_is_masked_before_the_text_is_cut(before: str) -> None:
    error = error_of_response(
        401, {}, f"{before}https://east:hunter2hunter2@broker hunter2hunter2@broker".encode()
    )

    assert "hunter" not in error.message


def test_texts_are_cut_and_kept_on_one_line() -> None:
    error = error_of_response(500, {}, b"line one\r\nline two\n" + b"x" * 1_000_000)
    assert "\n" not in error.message
    assert error.message.startswith("line one line two")
    assert len(error.message) == errors.TEXT_MAX_CHARS
    long = status_body(500, "r" * 1000, "m" * 1000, causes=[{"message": "c" * 1000}] * 1000)
    cut = error_of_status(long)
    assert max(len(cut.message), len(cut.reason), len(cut.causes[0][2])) == errors.TEXT_MAX_CHARS
    assert len(cut.causes) <= 16


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


@given(
    st.sampled_from([400, 403, 409, 429, 500]),
    st.fixed_dictionaries(
        {"kind": st.just("Status")},
        optional={
            "code": json_values,
            "reason": json_values,
            "message": json_values,
            "details": json_values
            | st.fixed_dictionaries({}, optional={"causes": json_values, "retryAfterSeconds": json_values}),
        },
    ),
)
def test_no_body_can_break_the_mapping(code: int, body: dict[str, Any]) -> None:
    assert error_of_response(code, {}, json.dumps(body).encode()).status == code


@given(st.binary(max_size=60))
def test_no_garbage_can_break_the_mapping(body: bytes) -> None:
    assert type(error_of_response(503, {}, b"{" + body)) is errors.ServerError

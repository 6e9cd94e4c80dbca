import io
import json
import logging
import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from mcs_controller.observe.log_context import log_context
from mcs_controller.observe.logging import JsonFormatter, LogFormat, TextFormatter, configure_logging

OWN = logging.getLogger("mcs_controller.test")


@pytest.fixture(autouse=True)
def restored_logging() -> Iterator[None]:
    root, own = logging.getLogger(), logging.getLogger("mcs_controller")
    handlers, level, own_level, raising = root.handlers[:], root.level, own.level, logging.raiseExceptions
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    own.setLevel(own_level)
    logging.captureWarnings(False)
    logging.raiseExceptions = raising


def json_line(write: Callable[[], None], **context: str) -> dict[str, Any]:
    stream = io.StringIO()
    configure_logging("debug", "json", context=context, stream=stream)
    write()
    (line,) = stream.getvalue().splitlines()
    parsed: dict[str, Any] = json.loads(line)
    return parsed


def text_lines(write: Callable[[], None], **context: str) -> list[str]:
    stream = io.StringIO()
    configure_logging("debug", "text", context=context, stream=stream)
    write()
    return stream.getvalue().splitlines()


def test_a_json_line_says_when_who_what_and_about_which_object() -> None:
    def write() -> None:
        token = log_context.set({"namespace": "shop", "name": "web"})
        OWN.info("wrote %d slices", 3)
        log_context.reset(token)

    line = json_line(write, cluster="east")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", line.pop("time"))
    assert line == {
        "level": "info",
        "logger": "mcs_controller.test",
        "message": "wrote 3 slices",
        "cluster": "east",
        "namespace": "shop",
        "name": "web",
    }


def test_the_time_is_utc_with_milliseconds_rounded_down() -> None:
    formatter = JsonFormatter({})
    record = logging.makeLogRecord({"msg": "x", "created": 1767225599.9996})
    assert json.loads(formatter.format(record))["time"] == "2025-12-31T23:59:59.999Z"
    record = logging.makeLogRecord({"msg": "x", "created": 1767225600.0})
    assert json.loads(formatter.format(record))["time"] == "2026-01-01T00:00:00.000Z"


def test_an_exception_is_one_field_of_one_line() -> None:
    def write() -> None:
        try:
            raise RuntimeError("boom")
        except RuntimeError:
            OWN.exception("reconcile failed")

    line = json_line(write)
    assert line["message"] == "reconcile failed"
    assert line["exception"].startswith("Traceback (most recent call last):\n")
    assert line["exception"].endswith("RuntimeError: boom")


def test_extra_fields_are_kept_and_cannot_replace_the_line_s_own() -> None:
    line = json_line(lambda: OWN.info("x", extra={"attempts": 3, "time": "never", "keys": ("a", "b")}))
    assert line["attempts"] == 3
    assert line["keys"] == ["a", "b"]
    assert line["time"] != "never"


@pytest.mark.parametrize(
    "text",
    [
        "Authorization: Bearer abcdefgh12345678",
        "headers {'authorization': 'Basic c2VjcmV0OnNlY3JldA=='}",
        "GET https://user:hunter2hunter2@broker:6443/api",
        "token=abcdefgh12345678",
        '{"password": "hunter2hunter2"}',
        "refused eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJzeXN0ZW0ifQ.c2lnbmF0dXJl now",
        "-----BEGIN RSA PRIVATE KEY-----\nMIIEpAIBAAKCAQEA\n-----END RSA PRIVATE KEY-----",
    ],
)
def test_what_looks_like_a_credential_never_reaches_a_line(text: str) -> None:
    secrets = re.compile(r"abcdefgh|c2VjcmV0|hunter2|eyJzdWIi|c2lnbmF0|MIIEpA")
    assert secrets.search(text)

    def write() -> None:
        try:
            raise RuntimeError(text)
        except RuntimeError:
            OWN.exception("%s", text, extra={"detail": text, "object": {"nested": text}})

    line = json_line(write)
    assert not secrets.search(json.dumps(line))
    assert "***" in line["message"]
    assert not secrets.search("\n".join(text_lines(write)))


def test_a_text_line_reads_in_one_glance() -> None:
    def write() -> None:
        token = log_context.set({"namespace": "shop", "name": "web"})
        OWN.warning("port %d left out", 80, extra={"loser": "west"})
        log_context.reset(token)

    (line,) = text_lines(write, cluster="east")
    assert line[24:] == " WARNING mcs_controller.test [east shop/web] port 80 left out loser=west"


def test_a_text_from_outside_cannot_forge_a_second_line() -> None:
    (line,) = text_lines(lambda: OWN.info("%s", "x\n2026-01-01T00:00:00.000Z ERROR all is lost\x1b[2J\x9b2J"))
    assert "x\\n2026" in line
    assert "\x1b" not in line
    assert "\x9b" not in line


HOSTILE = "a\x1b[2J\x9b2J\x7f\u202e\u2066\u200b\u2028\udcffb"
"""ESC and its C1 twin, DEL, two that turn a text around, no width, another newline, half a pair."""


def logged(format: LogFormat, stream: io.StringIO) -> list[str]:
    """The line of a message, a field, a context and an exception that all say `HOSTILE`."""
    configure_logging("debug", format, context={"cluster": HOSTILE}, stream=stream)
    try:
        raise RuntimeError(f"{HOSTILE}\n2026-01-01T00:00:00.000Z ERROR all is lost")
    except RuntimeError:
        OWN.exception("%s é", HOSTILE, extra={"detail": HOSTILE, "list": [HOSTILE]})
    return stream.getvalue().split("\n")


@pytest.mark.parametrize("format", ["json", "text"])
def test_no_character_that_a_terminal_obeys_or_that_turns_a_text_around_reaches_a_line(
    format: LogFormat,
) -> None:
    for line in logged(format, io.StringIO()):
        assert line.isprintable()


def test_json_says_such_characters_all_the_same() -> None:
    line = json.loads(logged("json", io.StringIO())[0])
    assert line["message"] == f"{HOSTILE} é"
    assert (line["detail"], line["list"], line["cluster"]) == (HOSTILE, [HOSTILE], HOSTILE)
    assert HOSTILE in line["exception"]


def test_a_text_shows_them_as_escapes_and_what_people_write_as_it_is() -> None:
    line, *_ = logged("text", io.StringIO())
    assert r"] a\x1b[2J\x9b2J\x7f\u202e\u2066\u200b\u2028\udcffb é detail=a\x1b" in line


def test_no_line_of_an_exception_is_taken_for_one_of_the_log() -> None:
    _, *below, end = logged("text", io.StringIO())
    assert end == ""
    assert below[0] == "| Traceback (most recent call last):"
    assert below[-1] == "| 2026-01-01T00:00:00.000Z ERROR all is lost"
    assert all(one.startswith("| ") for one in below)


def test_debug_is_for_our_own_loggers_only() -> None:
    def write() -> None:
        logging.getLogger("kubernetes_asyncio.client.rest").debug("response body: ...")
        logging.getLogger("asyncio").info("chatter")
        OWN.debug("ours")

    assert json_line(write)["message"] == "ours"


def test_a_filtered_call_writes_nothing() -> None:
    stream = io.StringIO()
    configure_logging("warning", "json", stream=stream)
    OWN.info("not asked for")
    assert stream.getvalue() == ""


def test_configuring_twice_does_not_write_twice() -> None:
    configure_logging("info", "json", stream=io.StringIO())
    (line,) = text_lines(lambda: OWN.info("once"))
    assert line.endswith("once")


def test_both_formats_take_a_record_without_context_or_message_arguments() -> None:
    record = logging.makeLogRecord({"msg": "100 %", "levelname": "INFO", "name": "x"})
    assert TextFormatter({}).format(record).endswith("INFO    x 100 %")
    assert json.loads(JsonFormatter({}).format(record))["message"] == "100 %"

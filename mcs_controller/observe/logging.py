"""Log lines on stderr: one JSON object a line, or the same content as text for a person's terminal.

Any module logs through the standard library; what the line is about (cluster, namespace, name) comes from
`observe/log_context.py`, set by the work queue around each reconcile, so that no call has to repeat it. Times
are UTC with milliseconds. No character of a text from outside reaches a terminal that would obey it
(`observe/visible.py`), and no text forges a line. Credentials never reach a line: what looks like one
(`observe/masking.py`) is masked here, whoever logged it. Only this project's own loggers follow the chosen
level below WARNING: a library's debug output may hold whole answers of an API server.
"""

import json
import logging
import sys
import time
from collections.abc import Mapping
from typing import Any, Final, Literal, TextIO

from mcs_controller.observe.log_context import log_context
from mcs_controller.observe.masking import mask_secrets
from mcs_controller.observe.visible import visible

LogFormat = Literal["json", "text"]
LogLevel = Literal["debug", "info", "warning", "error"]

OWN_LOGGER: Final = "mcs_controller"

_STANDARD_ATTRIBUTES: Final = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime"}


def configure_logging(
    level: LogLevel = "info",
    format: LogFormat = "json",
    *,
    context: Mapping[str, str] | None = None,
    stream: TextIO | None = None,
) -> None:
    """Send every logger of this process to `stream` (stderr); `context` is in each line, as the cluster."""
    formatter_class = JsonFormatter if format == "json" else TextFormatter
    handler = logging.StreamHandler(sys.stderr if stream is None else stream)
    handler.setFormatter(formatter_class(context or {}))
    root = logging.getLogger()
    for old in root.handlers[:]:
        root.removeHandler(old)
    root.addHandler(handler)
    chosen = logging.getLevelNamesMapping()[level.upper()]
    root.setLevel(max(chosen, logging.WARNING))
    logging.getLogger(OWN_LOGGER).setLevel(chosen)
    logging.captureWarnings(True)
    # A stderr that is gone must not make every log call print a second failure.
    logging.raiseExceptions = False


class _ContextFormatter(logging.Formatter):
    """What both formats share: the time, the context and the fields given by `extra`."""

    def __init__(self, context: Mapping[str, str]) -> None:
        super().__init__()
        self._context = dict(context)
        self._second = -1
        self._second_text = ""

    def _timestamp(self, record: logging.LogRecord) -> str:
        second = int(record.created)
        if second != self._second:
            self._second = second
            self._second_text = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(second))
        return f"{self._second_text}.{int((record.created - second) * 1000):03d}Z"

    def _fields(self, record: logging.LogRecord) -> dict[str, Any]:
        fields: dict[str, Any] = {**self._context, **log_context.get()}
        for name, value in record.__dict__.items():
            if name not in _STANDARD_ATTRIBUTES:
                fields[name] = value
        return fields

    def _exception(self, record: logging.LogRecord) -> str:
        text = ""
        if record.exc_info and record.exc_info[0] is not None:
            text = self.formatException(record.exc_info)
        if record.stack_info:
            text = f"{text}\n{self.formatStack(record.stack_info)}".lstrip()
        return text


class JsonFormatter(_ContextFormatter):
    """One JSON object a line."""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "time": self._timestamp(record),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        line.update((name, value) for name, value in self._fields(record).items() if name not in line)
        if exception := self._exception(record):
            line["exception"] = exception
        # Masked value by value: in the finished JSON the quotes around a secret would be escaped. In ASCII
        # every character that JSON may have as it is, but a terminal obeys (U+009B, U+202E), is an escape.
        return json.dumps({name: _masked(value) for name, value in line.items()}, ensure_ascii=True)


class TextFormatter(_ContextFormatter):
    """`TIME LEVEL logger [cluster namespace/name] message field=value`, then any traceback."""

    def format(self, record: logging.LogRecord) -> str:
        fields = self._fields(record)
        key = "/".join(filter(None, (fields.pop("namespace", ""), fields.pop("name", ""))))
        about = " ".join(filter(None, (fields.pop("cluster", ""), key)))
        rest = "".join(f" {name}={value}" for name, value in fields.items())
        message = f"[{about}] {record.getMessage()}{rest}" if about else f"{record.getMessage()}{rest}"
        line = f"{self._timestamp(record)} {record.levelname:<7} {visible(f'{record.name} {message}')}"
        for below in self._exception(record).splitlines():
            # Behind a mark: no line of an exception's text is taken for one of the log.
            line += f"\n| {visible(below)}"
        return mask_secrets(line)


def _masked(value: Any) -> Any:
    if isinstance(value, str):
        return mask_secrets(value)
    if value is None or isinstance(value, int | float):
        return value
    if isinstance(value, list | tuple):
        return [_masked(item) for item in value]
    return mask_secrets(str(value))

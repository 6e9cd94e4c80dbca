"""The zone in a file, so that a restart while the API server is away still has answers.

The file is JSON lines: a header, one service a line, and at the end the SHA-256 of all before it. It is
written beside its place and moved there, so whoever reads it finds a whole one; it is written soon after a
change, that of a large zone later, and only while the zone is in step. Reading trusts nothing: size,
checksum, version, zone and every value are checked, and what is not as it should be is `SnapshotUnusable`,
one line that says why.
"""

import asyncio
import hashlib
import json
import logging
import os
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any, Final, NamedTuple

from mcs_controller.clusterset.model import ServiceKey
from mcs_controller.dns.errors import DnsError
from mcs_controller.dns.zone.packed import PackedService, from_json, text_from_json, to_json
from mcs_controller.dns.zone.source import SERVICES_PER_TURN, ZoneSource
from mcs_controller.kube.clock import Clock, rfc3339
from mcs_controller.kube.decoding.json_parser import parse_json

FORMAT: Final = "mcs-controller dns snapshot"
VERSION: Final = 1
FILE_MAX_BYTES: Final = 256 * 1024 * 1024

LEAST_INTERVAL_SECONDS: Final = 1.0
MOST_INTERVAL_SECONDS: Final = 10.0
SERVICES_PER_SECOND: Final = 1000
BYTES_PER_SECOND: Final = 1_000_000
"""Of a zone that changes all the time so much is written on average: some hundredths of a core. A service
may have ten thousand endpoints, so the number of services alone does not tell what a write costs."""

BYTES_PER_TURN: Final = 256 * 1024
"""After so much in a row, a millisecond or two, queries get a turn."""

LONGEST_INTERVAL_SECONDS: Final = 300.0
"""Written again after that even if nothing changed: the file says how old it is."""

_log = logging.getLogger(__name__)


class SnapshotUnusable(DnsError):
    """The file cannot be served from; the text says why, without the file's name."""


class Snapshot(NamedTuple):
    """What was saved, and when it was last known to be true."""

    services: dict[ServiceKey, PackedService]
    true_at: datetime


def read_snapshot(path: Path, zone: str) -> Snapshot | None:
    """The snapshot in a file, None when there is no file. Raises `SnapshotUnusable`."""
    try:
        with path.open("rb") as file:
            content = file.read(FILE_MAX_BYTES + 1)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise SnapshotUnusable(error.strerror or str(error)) from error
    if len(content) > FILE_MAX_BYTES:
        raise SnapshotUnusable(f"it is larger than {FILE_MAX_BYTES} bytes")
    checked, _, checksum = content.removesuffix(b"\n").rpartition(b"\n")
    checked += b"\n"
    if hashlib.sha256(checked).hexdigest().encode() != checksum:
        raise SnapshotUnusable("its checksum is wrong: it is damaged, cut off, or no snapshot at all")
    try:
        return _parse(checked.splitlines(), zone)
    except ValueError as error:
        raise SnapshotUnusable(f"it cannot be read: {error}"[:256]) from error


def _parse(lines: list[bytes], zone: str) -> Snapshot:
    header = parse_json(lines[0])
    if not isinstance(header, dict) or header.get("format") != FORMAT:
        raise SnapshotUnusable("it is no snapshot of a zone")
    if header.get("version") != VERSION:
        found = str(header.get("version"))[:20]
        raise SnapshotUnusable(f"its format has version {found}, this program reads {VERSION}")
    if header.get("zone") != zone:
        raise SnapshotUnusable(f"it is of the zone {str(header.get('zone'))[:100]}, not of {zone}")
    true_at = datetime.fromisoformat(text_from_json(header.get("true_at")))
    if true_at.tzinfo is None:
        raise ValueError("its time has no zone")
    services = dict(map(_service, lines[1:]))
    if len(services) != header.get("services"):
        raise ValueError("its number of services is wrong")
    return Snapshot(services, true_at)


def _service(line: bytes) -> tuple[ServiceKey, PackedService]:
    value = parse_json(line)
    if not isinstance(value, list) or len(value) != 3:
        raise ValueError("a line is not a service")
    namespace, name, packed = value
    return ServiceKey(text_from_json(namespace), text_from_json(name)), from_json(packed)


def service_line(service: ServiceKey, packed: PackedService) -> bytes:
    """One service as a line."""
    return _line([*service, to_json(packed)])


def write_snapshot(path: Path, zone: str, lines: list[bytes], true_at: datetime) -> None:
    """Put a whole new file in place of the old one. Blocks; raises `OSError`."""
    header = {
        "format": FORMAT,
        "version": VERSION,
        "zone": zone,
        "true_at": rfc3339(true_at),
        "services": len(lines),
    }
    checksum = hashlib.sha256()
    beside = path.with_name(f".{path.name}.new")
    with open(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        # One by one: to join a hundred megabytes would keep all other threads waiting.
        for line in (_line(header), *lines):
            checksum.update(line)
            file.write(line)
        file.write(checksum.hexdigest().encode() + b"\n")
        file.flush()
        os.fsync(file.fileno())
    beside.replace(path)


def interval_seconds(services: int, size_bytes: int = 0) -> float:
    """How long after a write of so many services, in so many bytes, the next one may be."""
    share_seconds = max(services / SERVICES_PER_SECOND, size_bytes / BYTES_PER_SECOND)
    return min(max(share_seconds, LEAST_INTERVAL_SECONDS), MOST_INTERVAL_SECONDS)


class SnapshotKeeper:
    """Keeps the file of one zone. `writes` and `failures` count; `services_adopted` is what was read."""

    def __init__(self, path: Path, zone: str, source: ZoneSource, clock: Clock) -> None:
        self.writes = 0
        self.failures = 0
        self.services_adopted = 0
        self._path = path
        self._zone = zone
        self._source = source
        self._clock = clock
        self._written_changes = -1
        self._interval_seconds = LEAST_INTERVAL_SECONDS
        self._written_at_seconds = float("-inf")
        self._trouble = ""

    def adopt(self) -> None:
        """Serve what the file has, if it can be used; that it cannot is one line in the log."""
        try:
            snapshot = read_snapshot(self._path, self._zone)
        except SnapshotUnusable as error:
            _log.warning("the snapshot %s is not used: %s", self._path, error)
            return
        if snapshot is None:
            _log.info("there is no snapshot %s yet", self._path)
            return
        age_seconds = max(0.0, (self._clock.now() - snapshot.true_at).total_seconds())
        self.services_adopted = len(snapshot.services)
        self._source.adopt(snapshot.services, age_seconds)
        _log.info(
            "serving %d services from the snapshot %s, %.0f s old, until the API server has been read",
            self.services_adopted,
            self._path,
            age_seconds,
        )

    async def run(self) -> None:
        """Go on until cancelled."""
        while True:
            await asyncio.sleep(self._interval_seconds)
            await self.write_if_due()

    async def write_if_due(self) -> None:
        """Write when something changed, or when the file begins to look old."""
        since_seconds = asyncio.get_running_loop().time() - self._written_at_seconds
        changed = self._source.changes != self._written_changes
        if self._in_step() and (changed or since_seconds >= LONGEST_INTERVAL_SECONDS):
            await self._write()

    async def write_last(self) -> None:
        """At the end of the process: the next one may find no API server."""
        if self._in_step():
            await self._write()

    def _in_step(self) -> bool:
        return self._source.synced() and not self._source.problems()

    async def _write(self) -> None:
        changes, true_at = self._source.changes, self._clock.now()
        lines: list[bytes] = []
        size_bytes = services_in_turn = bytes_in_turn = 0
        for line in self._lines():
            lines.append(line)
            size_bytes += len(line)
            services_in_turn += 1
            bytes_in_turn += len(line)
            if services_in_turn >= SERVICES_PER_TURN or bytes_in_turn >= BYTES_PER_TURN:
                services_in_turn = bytes_in_turn = 0
                await asyncio.sleep(0)
        # Also if it cannot be written: to make the lines has cost as much.
        self._interval_seconds = interval_seconds(len(lines), size_bytes)
        trouble = ""
        try:
            await asyncio.to_thread(write_snapshot, self._path, self._zone, lines, true_at)
        except OSError as error:
            self.failures += 1
            trouble = error.strerror or str(error)
        else:
            self.writes += 1
            self._written_changes = changes
            self._written_at_seconds = asyncio.get_running_loop().time()
        if trouble != self._trouble:
            if trouble:
                _log.warning("the snapshot %s cannot be written: %s", self._path, trouble)
            else:
                _log.info("the snapshot %s is written again", self._path)
            self._trouble = trouble

    def _lines(self) -> Iterator[bytes]:
        for service in self._source.services():
            packed = self._source.packed(service)
            if packed is not None:
                yield service_line(service, packed)


def _line(value: Any) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode() + b"\n"

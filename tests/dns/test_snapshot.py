"""A restart without an API server: what was saved is answered as stale, and only if it is whole."""

import asyncio
import hashlib
import json
import logging
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random

import pytest

from mcs_controller.clusterset.model import ServiceKey
from mcs_controller.dns.wire.encoding import TYPE_A
from mcs_controller.dns.zone.packed import PackedService, PackedSlice
from mcs_controller.dns.zone.snapshot import (
    LEAST_INTERVAL_SECONDS,
    LONGEST_INTERVAL_SECONDS,
    SnapshotKeeper,
    SnapshotUnusable,
    interval_seconds,
    read_snapshot,
    service_line,
    write_snapshot,
)
from mcs_controller.dns.zone.source import ZoneSource
from mcs_controller.simcluster.cluster import SimCluster
from tests.dns.cluster import Importer
from tests.dns.test_protocol import extended_error, with_opt
from tests.dns.zonetext import Server, headless, key, packed, piece, ready, vip
from tests.support.waiting import until

Z = "clusterset.local."
WEB, DB = f"web.shop.svc.{Z}", f"db.shop.svc.{Z}"
NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


class FixedClock:
    """The wall clock stands where it is put."""

    def __init__(self, now: datetime = NOON) -> None:
        self.time = now

    def now(self) -> datetime:
        return self.time


class Scene:
    """A cluster, and one process after another that follows it and keeps one file."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.cluster = SimCluster("east", random=Random(1))
        self.importer = Importer(self.cluster.client())
        self.clock = FixedClock()

    @asynccontextmanager
    async def process(self) -> AsyncIterator["Process"]:
        process = Process(self)
        process.keeper.adopt()
        task = asyncio.create_task(process.source.run())
        try:
            yield process
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            await process.keeper.write_last()


class Process:
    def __init__(self, scene: Scene) -> None:
        self.server = Server(is_open=False)
        self.source = ZoneSource(scene.cluster.client("dns"), self.server.answers, random=Random(2))
        self.keeper = SnapshotKeeper(scene.path, Z, self.source, scene.clock)

    def addresses(self, name: str) -> list[str]:
        return sorted(str(rr.rdata) for rr in self.server.ask(name, "A").raw.rr)


@pytest.fixture
async def scene(tmp_path: Path) -> AsyncIterator[Scene]:
    scene = Scene(tmp_path / "zone.snapshot")
    async with scene.cluster:
        await scene.importer.install()
        await scene.importer.vip("shop/web", "10.96.0.1")
        await scene.importer.headless("shop/db")
        await scene.importer.slice("db-east", "shop/db", "east", "10.1.0.1")
        yield scene


@pytest.mark.requirement("MCS-LIFE-07", "MCS-DNS-20")
@pytest.mark.looptime(sockets=True)
async def test_a_restart_without_an_api_server_answers_as_before_and_says_that_it_is_stale(
    scene: Scene,
) -> None:
    async with scene.process() as first:
        await until(first.source.synced)
    fault = scene.cluster.faults.refuse_connections(users=("dns",))
    scene.clock.time += timedelta(minutes=5)

    async with scene.process() as second:
        assert second.addresses(WEB) == ["10.96.0.1"]
        assert second.addresses(DB) == ["10.1.0.1"]
        assert extended_error(second.server.udp(with_opt(WEB))) == 3
        await asyncio.sleep(60)
        assert second.addresses(DB) == ["10.1.0.1"]
        assert second.source.is_open()
        assert not second.source.synced()
        assert (second.source.age_seconds() or 0) == pytest.approx(360, abs=5)

        await scene.importer.forget("shop/web")
        await scene.importer.slice("db-east", "shop/db", "east", "10.1.0.2")
        await scene.importer.vip("shop/cart", "10.96.0.2")
        fault.lift()
        await until(second.source.synced)
        assert second.server.ask(WEB, "A").rcode == "NXDOMAIN"
        assert second.addresses(DB) == ["10.1.0.2"]
        assert second.addresses(f"cart.shop.svc.{Z}") == ["10.96.0.2"]
        assert extended_error(second.server.udp(with_opt(DB))) is None
        assert (second.source.age_seconds() or 0) < 5


@pytest.mark.requirement("MCS-DNS-20")
@pytest.mark.looptime(sockets=True)
@pytest.mark.parametrize("missing", ["serviceimports", "endpointslices"])
async def test_half_of_what_the_api_server_has_never_replaces_what_was_saved(
    scene: Scene, missing: str
) -> None:
    async with scene.process() as first:
        await until(first.source.synced)
    scene.cluster.faults.fail(500, verbs=("list",), resources=(missing,), users=("dns",))

    async with scene.process() as second:
        await scene.importer.slice("db-east", "shop/db", "east", "10.1.0.2")
        await asyncio.sleep(60)
        assert second.addresses(WEB) == ["10.96.0.1"]
        assert second.addresses(DB) == ["10.1.0.1"]


@pytest.mark.looptime(sockets=True)
async def test_the_file_is_written_seldom_and_when_it_looks_old_and_only_while_in_step(scene: Scene) -> None:
    async with scene.process() as process:
        await until(process.source.synced)
        keeping = asyncio.create_task(process.keeper.run())
        await _writes(process, 1)
        for number in range(100):
            await scene.importer.slice("db-east", "shop/db", "east", f"10.1.1.{number}")
        await _writes(process, 2)
        loop = asyncio.get_running_loop()
        before = loop.time()
        await _writes(process, 3)
        assert loop.time() - before >= LONGEST_INTERVAL_SECONDS - LEAST_INTERVAL_SECONDS

        scene.cluster.faults.refuse_connections(users=("dns",))
        await until(lambda: process.server.answers.stale)
        writes = process.keeper.writes
        await asyncio.sleep(10 * LONGEST_INTERVAL_SECONDS)
        assert process.keeper.writes == writes
        keeping.cancel()
    snapshot = read_snapshot(scene.path, Z)
    assert snapshot is not None
    assert set(snapshot.services) == {key("shop/web"), key("shop/db")}


@pytest.mark.looptime(sockets=True)
async def test_a_small_zone_is_looked_at_every_second(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that is killed and started again lacks what came since then, and no more."""
    async with scene.process() as process:
        looked: list[float] = []

        async def look() -> None:
            looked.append(asyncio.get_running_loop().time())

        monkeypatch.setattr(process.keeper, "write_if_due", look)
        keeping = asyncio.create_task(process.keeper.run())
        await asyncio.sleep(10.5)
        assert len(looked) == 10
        keeping.cancel()


def test_the_larger_a_zone_is_the_more_seldom_it_is_written() -> None:
    """What a write costs grows with the zone, and the share of a core that writing takes does not."""
    assert [interval_seconds(services) for services in (0, 30, 1000)] == [1.0, 1.0, 1.0]
    assert interval_seconds(5000) == 5.0
    assert interval_seconds(200_000) == 10.0
    assert interval_seconds(10, 5_000_000) == 5.0
    assert interval_seconds(10, 80_000_000) == 10.0


class Heavy(ZoneSource):
    """A zone of few services, as large as one member may make it; counts the turns that others had."""

    def __init__(self) -> None:
        addresses, hosts = bytes(40_000), tuple(f"h{number:062}" for number in range(10_000))
        slice_ = PackedSlice("east", TYPE_A, (), addresses, hosts)
        self.changes = 1
        self.turns = 0
        self.turns_at: list[int] = []
        self._heavy = PackedService(True, slices=(slice_,))

    def synced(self) -> bool:
        return True

    def problems(self) -> dict[str, str]:
        return {}

    def services(self) -> list[ServiceKey]:
        return [ServiceKey("shop", f"s{number}") for number in range(10)]

    def packed(self, service: ServiceKey) -> PackedService:
        self.turns_at.append(self.turns)
        return self._heavy


async def test_a_few_services_with_many_endpoints_take_no_more_of_the_time_than_many_services(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = Heavy()
    keeper = SnapshotKeeper(tmp_path / "s", Z, source, FixedClock())

    async def others() -> None:
        while True:
            source.turns += 1
            await asyncio.sleep(0)

    task = asyncio.create_task(others())
    await keeper.write_if_due()
    task.cancel()
    assert keeper.writes == 1
    assert len(set(source.turns_at)) == 10, "queries have a turn after each of them"

    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)
        raise asyncio.CancelledError

    monkeypatch.setattr("mcs_controller.dns.zone.snapshot.asyncio.sleep", sleep)
    with pytest.raises(asyncio.CancelledError):
        await keeper.run()
    assert slept == [pytest.approx((tmp_path / "s").stat().st_size / 1_000_000, rel=0.01)]


async def _writes(process: Process, count: int) -> None:
    """Files are written in a thread, which knows no virtual time: give it real turns, too."""
    while process.keeper.writes < count:  # noqa: ASYNC110 - nobody tells of it
        await asyncio.sleep(0.5)


SERVICES = {
    key("shop/web"): packed(vip("shop/web", "10.96.0.1")),
    key("shop/db"): packed(headless("shop/db"), piece("shop/db", "east", ready("10.0.0.1", hostname="a"))),
}


def write(path: Path, zone: str = Z) -> None:
    write_snapshot(path, zone, [service_line(*item) for item in SERVICES.items()], NOON)


def test_what_is_written_is_read(tmp_path: Path) -> None:
    path = tmp_path / "s"
    for _ in range(2):
        write(path)

    assert read_snapshot(path, Z) == (SERVICES, NOON)
    assert os.listdir(tmp_path) == ["s"]
    assert path.stat().st_mode & 0o777 == 0o600


def test_no_file_is_no_snapshot(tmp_path: Path) -> None:
    assert read_snapshot(tmp_path / "none", Z) is None


def _header(**values: object) -> Callable[[bytes], bytes]:
    def change(content: bytes) -> bytes:
        lines = content.splitlines(keepends=True)[:-1]
        header = json.loads(lines[0]) | values
        return sealed(json.dumps(header).encode() + b"\n" + b"".join(lines[1:]))

    return change


def sealed(content: bytes) -> bytes:
    return content + hashlib.sha256(content).hexdigest().encode() + b"\n"


def _with_line(line: bytes) -> Callable[[bytes], bytes]:
    def change(content: bytes) -> bytes:
        lines = content.splitlines(keepends=True)[:-1]
        return sealed(b"".join((*lines[:-1], line + b"\n")))

    return change


BROKEN: dict[str, tuple[Callable[[bytes], bytes], str]] = {
    "empty": (lambda _: b"", "checksum"),
    "garbage": (lambda _: b"\0\xff" * 1000, "checksum"),
    "cut off": (lambda content: content[:-100], "checksum"),
    "a bit turned": (lambda content: content.replace(b"0a600001", b"0a600002"), "checksum"),
    "a longer tail": (lambda content: content + b"x\n", "checksum"),
    "another version": (_header(version=2), "its format has version 2, this program reads 1"),
    "another format": (_header(format="x"), "no snapshot"),
    "another zone": (_header(zone="other."), "it is of the zone other., not of clusterset.local."),
    "another number of services": (_header(services=3), "number of services"),
    "no time": (_header(true_at=None), "cannot be read"),
    "a time without zone": (_header(true_at="2026-01-01T00:00:00"), "cannot be read"),
    "a service that is none": (_with_line(b'["shop","db",[]]'), "cannot be read"),
    "a line that is no JSON": (_with_line(b"{"), "cannot be read"),
    "nothing but a checksum": (lambda _: sealed(b"\n"), "cannot be read"),
    "deep nesting": (_with_line(b"[" * 100_000), "cannot be read"),
}


@pytest.mark.parametrize("how", BROKEN)
def test_a_file_that_is_not_as_it_should_be_is_refused_in_one_line(tmp_path: Path, how: str) -> None:
    path = tmp_path / "s"
    write(path)
    change, why = BROKEN[how]
    path.write_bytes(change(path.read_bytes()))

    with pytest.raises(SnapshotUnusable, match=why) as error:
        read_snapshot(path, Z)

    assert "\n" not in str(error.value)


def why_not(content: bytes, path: Path, zone: str = Z) -> str:
    path.write_bytes(content)
    with pytest.raises(SnapshotUnusable) as error:
        read_snapshot(path, zone)
    return str(error.value)


def test_what_a_file_says_is_repeated_up_to_a_bound(tmp_path: Path) -> None:
    """Anybody may have written it."""
    path = tmp_path / "s"
    write(path)
    content = path.read_bytes()

    assert why_not(_header(zone="z" * 1000)(content), path) == f"it is of the zone {'z' * 100}, not of {Z}"
    assert why_not(_header(version="v" * 1000)(content), path) == (
        f"its format has version {'v' * 20}, this program reads 1"
    )
    long_time = why_not(_header(true_at="t" * 1000)(content), path)
    assert long_time.startswith("it cannot be read: ")
    assert len(long_time) == 256


def test_a_file_that_may_not_be_read_is_told_as_the_system_tells_it(tmp_path: Path) -> None:
    with pytest.raises(SnapshotUnusable, match=r"^Is a directory$"):
        read_snapshot(tmp_path, Z)


def test_a_huge_file_is_not_read_to_its_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mcs_controller.dns.zone.snapshot.FILE_MAX_BYTES", 100)
    write(tmp_path / "s")

    with pytest.raises(SnapshotUnusable, match="larger than 100 bytes"):
        read_snapshot(tmp_path / "s", Z)


async def test_a_broken_file_is_one_line_in_the_log_and_the_server_waits_as_without_one(
    scene: Scene, caplog: pytest.LogCaptureFixture
) -> None:
    scene.path.write_text("garbage")
    process = Process(scene)

    process.keeper.adopt()

    (line,) = [record for record in caplog.records if record.levelno >= logging.WARNING]
    assert line.getMessage().startswith(f"the snapshot {scene.path} is not used: its checksum is wrong")
    assert not process.source.is_open()
    assert process.server.ask(WEB, "A").rcode == "SERVFAIL"


def told_of(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [each.getMessage() for each in caplog.records if each.name == "mcs_controller.dns.zone.snapshot"]


async def test_whoever_starts_is_told_what_is_served_and_how_old_it_is(
    scene: Scene, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    Process(scene).keeper.adopt()
    write(scene.path)
    scene.clock.time += timedelta(minutes=5)
    process = Process(scene)
    process.keeper.adopt()
    scene.clock.time -= timedelta(minutes=10)
    Process(scene).keeper.adopt()

    serving = (
        f"serving 2 services from the snapshot {scene.path}, {{}} s old, until the API server has been read"
    )
    assert told_of(caplog) == [
        f"there is no snapshot {scene.path} yet",
        serving.format(300),
        serving.format(0),
    ]
    assert process.keeper.services_adopted == 2
    assert process.server.answers.stale
    assert (process.source.age_seconds() or 0) == pytest.approx(300, abs=5)


async def test_a_folder_that_cannot_be_written_is_told_once_and_harms_nothing(
    scene: Scene, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    scene.path = scene.path.parent / "missing" / "s"
    async with scene.process() as process:
        await until(process.source.synced)
        for _ in range(3):
            await process.keeper.write_if_due()
        assert process.keeper.failures == 3
        scene.path.parent.mkdir()
        await process.keeper.write_if_due()
        assert process.keeper.writes == 1
    assert told_of(caplog)[1:] == [
        f"the snapshot {scene.path} cannot be written: No such file or directory",
        f"the snapshot {scene.path} is written again",
    ]


def test_services_are_told_apart_by_namespace_and_name(tmp_path: Path) -> None:
    same = packed(vip("a/b", "10.96.0.1"))
    keys = [ServiceKey("a", "b"), ServiceKey("b", "a")]
    write_snapshot(tmp_path / "s", Z, [service_line(each, same) for each in keys], NOON)

    snapshot = read_snapshot(tmp_path / "s", Z)

    assert snapshot is not None
    assert list(snapshot.services) == keys

"""No credential is shown: agent, DNS server and hub through every failure, all their words looked through.

Each is a process, at debug level. A server between it and its API server repeats each request's credential in
all that it answers. What must not hold a byte of it: the log with its tracebacks, /metrics, /readyz,
/healthz, every object that was written on either side, Events and statuses included, and what the DNS server
keeps in a file.
"""

from __future__ import annotations

import asyncio
import base64
import json
import signal
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from aiohttp import web

from mcs_controller.api.resources import (
    ENDPOINT_SLICES,
    EVENTS,
    EXPORTED_ENDPOINT_SLICES,
    EXPORTED_SERVICES,
    LEASES,
    MEMBER_CLUSTERS,
    MEMBER_REPORTS,
    NAMESPACES,
    SERVICES,
    cluster_profiles,
)
from mcs_controller.simcluster.cluster import SimCluster
from tests.cli.program import Running, running
from tests.hostile.mirror import WAYS, Mirror
from tests.kube.http_servers import serving
from tests.support import crds
from tests.support.kubeconfigs import Json, kubeconfig, write
from tests.support.objects import (
    EXPORTS,
    IMPORTS,
    endpoint,
    export_body,
    member_cluster,
    namespace_body,
    service_body,
    slice_body,
)
from tests.support.waiting import eventually

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]

TOKEN = "cAnaryToken0001xyzXYZ"
NEXT_TOKEN = "cAnaryToken0002xyzXYZ"
PASSWORD = "c&nary pass/word"
PLUGIN_TOKEN = "cAnaryToken0003xyzXYZ"
PLUGIN_SECRET = "cAnaryOfThePlugin3"
READ = {
    "east": (EVENTS, EXPORTS, IMPORTS, SERVICES, ENDPOINT_SLICES, LEASES),
    "broker": (
        EVENTS, LEASES, NAMESPACES, MEMBER_CLUSTERS, MEMBER_REPORTS, EXPORTED_SERVICES,
        EXPORTED_ENDPOINT_SLICES, cluster_profiles(),
    ),
}  # fmt: skip
INVENTORY = "mcs-inventory"

LOGIN = """#!/bin/sh
echo "plugin says $CLIENT_SECRET {token} and no more" >&2
if [ -e {folder}/fail ]; then exit 3; fi
cat <<END
{{"apiVersion": "client.authentication.k8s.io/v1", "kind": "ExecCredential",
  "status": {{"token": "{token}"}}}}
END
"""


@dataclass
class Kind:
    """One kind of credential: a kubeconfig's user, and what must never be seen of it."""

    secrets: tuple[str, ...]
    user: Json


def kinds(folder: Path) -> dict[str, Kind]:
    token_file, login = folder / "token", folder / "login"
    token_file.write_text(TOKEN + "\n")
    login.write_text(LOGIN.format(token=PLUGIN_TOKEN, folder=folder))
    login.chmod(0o755)
    plugin = {
        "command": str(login),
        "apiVersion": "client.authentication.k8s.io/v1",
        "interactiveMode": "Never",
        "env": [{"name": "CLIENT_SECRET", "value": PLUGIN_SECRET}],
    }
    pair = base64.b64encode(f"east:{PASSWORD}".encode()).decode()
    return {
        "token": Kind((TOKEN,), {"token": TOKEN}),
        "token file": Kind((TOKEN, NEXT_TOKEN), {"tokenFile": str(token_file)}),
        "exec plugin": Kind((PLUGIN_TOKEN, PLUGIN_SECRET), {"exec": plugin}),
        "password": Kind((PASSWORD, pair), {"username": "east", "password": PASSWORD}),
    }


@dataclass
class Setting:
    """A member and a broker behind mirrors, with one export in each state that is reported."""

    local: Mirror
    broker: Mirror
    clusters: tuple[SimCluster, SimCluster]
    elsewhere: list[str]

    async def written(self) -> str:
        """All that either API server holds."""
        found = []
        for cluster in self.clusters:
            client = cluster.client()
            for resource in READ[cluster.name]:
                found += (await client.list(resource)).items
        return json.dumps(found, ensure_ascii=False)


@pytest.fixture
async def setting() -> AsyncIterator[Setting]:
    reached: list[str] = []

    async def note(request: web.BaseRequest) -> web.StreamResponse:
        reached.append(request.path)
        return web.json_response({}, status=404)

    async with AsyncExitStack() as stack:
        east, broker = SimCluster("east"), SimCluster("broker")
        stack.callback(east.close)
        stack.callback(broker.close)
        await crds.install(east.client(), *crds.MCS_CRDS)
        await crds.install(broker.client(), *crds.BROKER_CRDS, *crds.INVENTORY_CRDS)
        for namespace in ("mcs-member-east", "mcs-system", INVENTORY):
            await broker.client().create(NAMESPACES, namespace_body(namespace))
        await broker.client().create(MEMBER_CLUSTERS, member_cluster("east"))
        client = east.client()
        for namespace in ("shop", "mcs-system"):
            await client.create(NAMESPACES, namespace_body(namespace))
        await client.create(SERVICES, service_body("web", "shop"))
        await client.create(ENDPOINT_SLICES, slice_body("web", [endpoint("10.1.0.1")], "shop"))
        for name in ("web", "no-service"):
            await client.create(EXPORTS, export_body(name, "shop"))
        elsewhere = await stack.enter_async_context(serving(note))
        mirrors = [
            await stack.enter_async_context(
                Mirror(await stack.enter_async_context(one.serve()), elsewhere).serve()
            )
            for one in (east, broker)
        ]
        yield Setting(mirrors[0], mirrors[1], (east, broker), reached)


def assert_hidden(secrets: tuple[str, ...], where: str, text: str) -> None:
    for secret in secrets:
        for spelling in {secret, json.dumps(secret)[1:-1], secret[: len(secret) // 2 + 1]}:
            at = text.find(spelling)
            assert at < 0, f"{where}: {text[max(0, at - 200) : at + 80]}"


async def told_by(program: Running) -> str:
    answers = [await program.get(path) for path in ("/readyz?verbose=1", "/healthz?verbose=1", "/metrics")]
    return "\n".join(text for _, text in answers)


async def is_ready(program: Running) -> int:
    return (await program.get("/readyz"))[0]


@asynccontextmanager
async def reading(program: Running) -> AsyncIterator[list[bytes]]:
    """What the program writes into its log while the block runs, and until it ends."""
    found: list[bytes] = []
    stream = program.process.stderr
    assert stream is not None

    async def read() -> None:
        while chunk := await stream.read(65536):
            found.append(chunk)

    task = asyncio.create_task(read(), name="log")
    try:
        yield found
        await asyncio.wait_for(task, 60)
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def fewest_answers(mirrors: Iterable[Mirror]) -> int:
    return min(mirror.answers for mirror in mirrors)


async def all_ready(programs: Sequence[Running]) -> None:
    for program in programs:
        await eventually(lambda program=program: is_ready(program), lambda status: status == 200, 60)  # type: ignore[misc]


async def go_through_every_way(
    setting: Setting, programs: Sequence[Running], secrets: tuple[str, ...], folder: Path
) -> None:
    """The servers misbehave in each way, the credentials are renewed and fail; in the end all is well."""
    mirrors = (setting.local, setting.broker)
    for way in WAYS:
        if way == "401":
            (folder / "fail").touch()
        if way == "403":
            (folder / "token").write_text(NEXT_TOKEN)
        for mirror in mirrors:
            mirror.behave(way)
        await eventually(lambda: fewest_answers(mirrors), lambda fewest: fewest >= 3, 60)
        for program in programs:
            assert_hidden(secrets, way, await told_by(program))
        (folder / "fail").unlink(missing_ok=True)
    for mirror in mirrors:
        mirror.behave("pass")
    await all_ready(programs)
    for program in programs:
        assert_hidden(secrets, "in the end", await told_by(program))
        program.process.send_signal(signal.SIGTERM)
        await asyncio.wait_for(program.process.wait(), 60)


async def assert_nothing_was_shown(
    setting: Setting, secrets: tuple[str, ...], logs: Sequence[tuple[Running, list[bytes]]]
) -> None:
    """In what the programs have said and written, to whomever."""
    for program, log in logs:
        text = json.dumps(program.lines) + b"".join(log).decode()
        assert "***" in text, "the servers' words have reached the log"
        assert_hidden(secrets, "log", text)
    assert_hidden(secrets, "objects", await setting.written())
    assert setting.elsewhere == [], "no redirect is followed"
    assert not setting.local.credentials & setting.broker.credentials
    shown = [len(mirror.credentials) for mirror in (setting.local, setting.broker)]
    assert all(number in (1, 2) for number in shown), "each is shown its own only"


@pytest.mark.requirement("CP-15")
@pytest.mark.parametrize("pair", [("token", "exec plugin"), ("token file", "password")], ids=" and ".join)
async def test_no_credential_is_shown_whatever_the_servers_answer(
    setting: Setting, pair: tuple[str, str], tmp_path: Path
) -> None:
    known = kinds(tmp_path)
    secrets = tuple(secret for kind in pair for secret in known[kind].secrets)
    argv: list[str | Path] = ["agent", "--cluster-id", "east", "--log-level", "debug"]
    mirrors = (setting.local, setting.broker)
    for option, mirror, kind in zip(("--kubeconfig", "--broker-kubeconfig"), mirrors, pair, strict=True):
        content = kubeconfig(mirror.url, user=known[kind].user)
        argv += [option, write(tmp_path, f"{option[2:]}.yaml", content)]
    argv += ["--lease-namespace", "mcs-system", "--heartbeat-interval-seconds", "1"]
    argv += ["--report-to-inventory"]

    async with running(*argv) as program, reading(program) as log:
        await all_ready([program])
        # What the cluster's own server says of its health goes to the broker, while that can be written.
        setting.local.behave("text")
        told = await eventually(setting.written, lambda text: "ApiServerNotReady" in text, 60)
        assert_hidden(secrets, "report", told)
        setting.local.behave("pass")
        await all_ready([program])
        await go_through_every_way(setting, [program], secrets, tmp_path)
    await assert_nothing_was_shown(setting, secrets, [(program, log)])


@pytest.mark.requirement("CP-15")
async def test_no_credential_of_the_dns_server_or_the_hub_is_shown_whatever_the_servers_answer(
    setting: Setting, tmp_path: Path
) -> None:
    known = kinds(tmp_path)
    plugin, file = known["exec plugin"], known["token file"]
    secrets = (*plugin.secrets, *file.secrets)
    of_dns = write(tmp_path, "dns.yaml", kubeconfig(setting.local.url, user=plugin.user))
    of_hub = write(tmp_path, "hub.yaml", kubeconfig(setting.broker.url, user=file.user))
    zone = tmp_path / "zone"
    debug = ("--log-level", "debug")
    dns_argv = ("--listen", "127.0.0.1:0", "--snapshot", zone, "--drain-seconds", "0")

    async with (
        running("dns", "--kubeconfig", of_dns, *dns_argv, *debug) as dns,
        reading(dns) as dns_log,
        running("hub", "--kubeconfig", of_hub, *debug) as hub,
        reading(hub) as hub_log,
    ):
        await all_ready([dns, hub])
        told = await eventually(setting.written, lambda text: '"ClusterProfile"' in text, 60)
        assert_hidden(secrets, "inventory", told)
        await eventually(lambda: asyncio.to_thread(zone.exists), bool, 60)
        await go_through_every_way(setting, [dns, hub], secrets, tmp_path)
    await assert_nothing_was_shown(setting, secrets, [(dns, dns_log), (hub, hub_log)])
    assert_hidden(secrets, "snapshot", zone.read_text(errors="replace"))

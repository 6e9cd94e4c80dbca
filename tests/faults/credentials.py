"""Faults of credentials: renewed, expired, revoked; a server with another CA; a plugin that has none to give.

Each for the way to the broker and for the way to the member's own API server. Whoever provisions the
credential mends it in the end, in the file that the agent was started with.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import Final
from uuid import uuid4

from tests.faults.fault import Fault
from tests.faults.storms import front_of, in_use
from tests.faults.tokens import (
    remake_account,
    revoke_secret,
    token_for_seconds,
    token_of_secret,
)
from tests.faults.ways import SERVERS, Server, Way, way_of_agent, write_whole
from tests.faults.world import World
from tests.realkube.tokens import TAKEN_FOR_SECONDS
from tests.support.storms import Certificate

WITHOUT_SECONDS: Final = 10.0
REFUSED_SECONDS: Final = 3.0
"""And the time in which a token may still be good: all in all less than the members' timeout of 30 s."""
PLUGIN_BOUND_SECONDS: Final = 60.0
"""A run of the plugin that hangs is ended after 30 s."""
PLUGIN_TOKEN_SECONDS: Final = 5.0
PLUGIN: Final = """\
import datetime, json, os, sys, time
folder = os.path.dirname(__file__)
mood = open(os.path.join(folder, "mood")).read()
if mood == "fail":
    sys.exit("there is no login server")
if mood == "hang":
    os.system("sleep 1000")
if mood == "rubbish":
    print("Please log in at <https://login.example>")
    sys.exit()
if mood == "endless":
    os.execvp("yes", ["yes"])
soon = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=SECONDS)
token = open(os.path.join(folder, "token")).read()
status = {"token": token, "expirationTimestamp": soon.isoformat()}
said = {"apiVersion": "client.authentication.k8s.io/v1", "kind": "ExecCredential", "status": status}
print(json.dumps(said))
"""


class Plugin:
    """An exec plugin of a way, whose tokens are good for seconds."""

    def __init__(self, way: Way, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(exist_ok=True)
        self.be("well")
        write_whole(folder / "token", way.token)
        (folder / "plugin.py").write_text(PLUGIN.replace("SECONDS", str(PLUGIN_TOKEN_SECONDS)))
        way.change(
            user={
                "exec": {
                    "apiVersion": "client.authentication.k8s.io/v1",
                    "command": sys.executable,
                    "args": ["-S", str(folder / "plugin.py")],
                    "interactiveMode": "Never",
                }
            }
        )

    def be(self, mood: str) -> None:
        """Well, or: fail, hang, rubbish, endless."""
        write_whole(self._folder / "mood", mood)


async def _token_file_rotated(world: World, way: Way) -> None:
    """The old token dies each time, at the third time before the new one is there."""
    file = way.file.with_suffix(".token")
    write_whole(file, await token_of_secret(way, "rotated-0"))
    way.change(user={"tokenFile": str(file)})
    for number in range(1, 4):
        await asyncio.sleep(2)
        token = await token_of_secret(way, f"rotated-{number}")
        if number < 3:
            write_whole(file, token)
        await revoke_secret(way, f"rotated-{number - 1}")
        await asyncio.sleep(TAKEN_FOR_SECONDS)
        write_whole(file, token)


async def _token_expired(world: World, way: Way) -> None:
    """The file of the kubeconfig's user is written anew when the token has been refused for a while."""
    way.change(user={"token": await token_for_seconds(way, 5)})
    await asyncio.sleep(5 + TAKEN_FOR_SECONDS + REFUSED_SECONDS)
    await way.renew()


async def _revoked(world: World, way: Way) -> None:
    """With its service account, which is created again, and given a new token."""
    await remake_account(way, TAKEN_FOR_SECONDS)
    await asyncio.sleep(REFUSED_SECONDS)
    await way.renew()


async def _ca_rotated(world: World, way: Way, *, in_order: bool) -> None:
    """In order: both CAs are trusted before the server shows its new certificate. Else a while later."""
    first, second = (Certificate(world.work_dir, f"{way.plane.name}-{uuid4().hex[:8]}") for _ in range(2))
    trusted = world.work_dir / f"trusted-{way.plane.name}.crt"
    write_whole(trusted, first.ca)
    front = await front_of(world, way)
    front.show(first)
    ca = {"certificate-authority": str(trusted), "certificate-authority-data": None}
    way.change(cluster={"server": front.url, **ca})
    await in_use(front)
    if in_order:
        write_whole(trusted, first.ca + second.ca)
        await asyncio.sleep(WITHOUT_SECONDS)
        front.show(second)
    else:
        front.show(second)
        await asyncio.sleep(WITHOUT_SECONDS)
    write_whole(trusted, second.ca)
    await asyncio.sleep(1)


async def _plugin_troubled(world: World, way: Way) -> None:
    plugin = Plugin(way, world.work_dir / f"plugin-{way.plane.name}")
    await asyncio.sleep(PLUGIN_TOKEN_SECONDS)
    for mood in ("fail", "well", "rubbish", "endless", "well", "hang", "well"):
        plugin.be(mood)
        await asyncio.sleep(WITHOUT_SECONDS)


async def _plugin_of_broker_troubled(world: World, way: Way) -> None:
    """A run that hangs is ended after 30 s: the others may take the member for dead."""
    world.expected.excused(exporter="west")
    await _plugin_troubled(world, way)
    world.expected.expected_again(exporter="west")


Happens = Callable[[World, Way], Awaitable[None]]


async def _to_agent_of_west(world: World, *, server: Server, happens: Happens) -> None:
    await happens(world, await way_of_agent(world, world["west"], server))


WHERE: Final[dict[Server, str]] = {"broker": "the broker", "local": "its own API server"}
KINDS: Final[tuple[tuple[str, str, Happens], ...]] = (
    (
        "token-rotated",
        "the token file that {} asks for is written anew, and the old token revoked, three times",
        _token_file_rotated,
    ),
    ("token-expired", "the token for {} expires, and a new one is in the kubeconfig later", _token_expired),
    ("token-revoked", "the service account for {} is deleted and made again, later the kubeconfig", _revoked),
    (
        "ca-rotated",
        "{} shows a certificate of a new CA, which was trusted before",
        partial(_ca_rotated, in_order=True),
    ),
    (
        "ca-rotated-late",
        "{} shows a certificate of a new CA, which is trusted 10 s later",
        partial(_ca_rotated, in_order=False),
    ),
)
_PLUGIN: Final = (
    "the exec plugin that gives an agent its token for {} fails, prints rubbish or without end, hangs"
)

FAULTS: Final = (
    *(
        Fault(
            f"{server}-{name}",
            f"of an agent: {what.format(WHERE[server])}",
            partial(_to_agent_of_west, server=server, happens=happens),
        )
        for server in SERVERS
        for name, what, happens in KINDS
    ),
    Fault(
        "broker-exec-plugin",
        _PLUGIN.format(WHERE["broker"]),
        partial(_to_agent_of_west, server="broker", happens=_plugin_of_broker_troubled),
        bound_seconds=PLUGIN_BOUND_SECONDS,
    ),
    Fault(
        "local-exec-plugin",
        _PLUGIN.format(WHERE["local"]),
        partial(_to_agent_of_west, server="local", happens=_plugin_troubled),
        bound_seconds=PLUGIN_BOUND_SECONDS,
    ),
)

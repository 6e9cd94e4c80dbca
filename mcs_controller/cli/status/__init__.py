"""`mcs-controller status`: the clusterset at a glance, in one screen, once or again and again.

Every place is read by itself: one that does not answer holds up none of the others, and is shown as away.
"""

import argparse
import asyncio
import json
import os
import signal
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Final

from mcs_controller.cli.connecting import connect, file_of_broker
from mcs_controller.cli.errors import UsageError
from mcs_controller.cli.options import add_options, read_options
from mcs_controller.cli.status.places import Broker, Cluster, broker_of
from mcs_controller.cli.status.settings import StatusSettings
from mcs_controller.cli.status.terminal import Terminal
from mcs_controller.clusterset.overview.document import document
from mcs_controller.clusterset.overview.model import Overview
from mcs_controller.clusterset.overview.reading import shown_name
from mcs_controller.clusterset.overview.text import screen
from mcs_controller.kube.client import Client
from mcs_controller.kube.tasks import Tasks

RATE_SECONDS: Final = 1.0
"""Between the two readings that a rate takes where the command looks only once."""
REDRAW_SECONDS: Final = 1.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's options."""
    add_options(parser, StatusSettings)


async def run(arguments: argparse.Namespace) -> int:
    """Show it; 1 if nothing could be read. Raises `UsageError`, `ConfigError`."""
    settings = read_options(StatusSettings, arguments, os.environ)
    glance = Glance(settings)
    try:
        if settings.watch:
            return await _watch(glance, settings)
        return await _once(glance, settings)
    finally:
        await glance.close()


class Glance:
    """All places that are read."""

    def __init__(self, settings: StatusSettings) -> None:
        self._member_timeout_seconds = settings.member_timeout_seconds
        self.clusters = [
            Cluster(called, connect(file, context, name=called), settings, is_first=position == 0)
            for position, (called, file, context) in enumerate(_chosen(settings))
        ]
        self.broker = Broker(_way_to_broker(settings, self.clusters[0].client), settings.timeout_seconds)

    @property
    def places(self) -> list[Cluster | Broker]:
        """All of them."""
        return [*self.clusters, self.broker]

    async def read(self) -> None:
        """Everything once, side by side."""
        await asyncio.gather(*(place.read() for place in self.places))

    def view(self) -> Overview:
        """What the last rounds found."""
        broker = self.broker.view()
        return Overview(
            f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S} UTC",
            broker,
            tuple(one.view(shown_name(one.uid, one.id, one.called, broker)) for one in self.clusters),
            self._member_timeout_seconds,
        )

    async def close(self) -> None:
        """Give all connections up."""
        for place in self.places:
            await place.close()


def _way_to_broker(settings: StatusSettings, member: Client) -> Callable[[], Awaitable[Client]]:
    """As the options name it, or else with the credential of the agent of the first cluster."""
    if settings.broker_kubeconfig is None and settings.broker_context is None:
        return partial(broker_of, member, settings.namespace)
    only = settings.kubeconfig[0] if len(settings.kubeconfig) == 1 else None
    file = file_of_broker(only, settings.broker_kubeconfig, settings.broker_context)

    async def open_() -> Client:
        return connect(file, settings.broker_context, name="broker")

    return open_


def _chosen(settings: StatusSettings) -> Sequence[tuple[str, Path | None, str | None]]:
    """What the user calls each cluster, and where it is found. Raises `UsageError`."""
    if settings.context and len(settings.kubeconfig) > 1:
        raise UsageError("--context: it names clusters of one kubeconfig, and several were given")
    if settings.context:
        file = settings.kubeconfig[0] if settings.kubeconfig else None
        return [(context, file, context) for context in settings.context]
    if settings.kubeconfig:
        return [(file.name.partition(".")[0], file, None) for file in settings.kubeconfig]
    return [("this cluster", None, None)]


async def _once(glance: Glance, settings: StatusSettings) -> int:
    await glance.read()
    asked_twice = [one for one in glance.clusters if one.has_dns_metrics]
    if asked_twice:
        await asyncio.sleep(RATE_SECONDS)
        await asyncio.gather(*(one.read_dns() for one in asked_twice))
    overview = glance.view()
    _print(overview, settings, Terminal())
    return 0 if overview.sees else 1


async def _watch(glance: Glance, settings: StatusSettings) -> int:
    terminal = Terminal()
    in_place = terminal.in_place and settings.output != "json"
    await glance.read()
    async with Tasks("status") as tasks:
        for place in glance.places:
            tasks.start(_again(place, settings.interval_seconds), name="reader")
        if in_place:
            await _draw(glance, terminal)
        else:
            await _print_again(glance, settings, terminal)
    return 0


async def _again(place: Cluster | Broker, interval_seconds: float) -> None:
    while True:
        await asyncio.sleep(interval_seconds)
        await place.read()


async def _draw(glance: Glance, terminal: Terminal) -> None:
    """Until cancelled: a frame each second, and whenever the terminal has another size."""
    resized = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGWINCH, resized.set)
    try:
        with terminal.frames():
            while True:
                columns, lines = terminal.size()
                terminal.draw(screen(glance.view(), width=columns, height=lines))
                resized.clear()
                try:
                    async with asyncio.timeout(REDRAW_SECONDS):
                        await resized.wait()
                except TimeoutError:
                    continue
    finally:
        loop.remove_signal_handler(signal.SIGWINCH)


async def _print_again(glance: Glance, settings: StatusSettings, terminal: Terminal) -> None:
    while True:
        _print(glance.view(), settings, terminal)
        await asyncio.sleep(settings.interval_seconds)
        if settings.output != "json":
            print()


def _print(overview: Overview, settings: StatusSettings, terminal: Terminal) -> None:
    if settings.output == "json":
        # Again and again, each stands on a line of its own, as programs read a stream.
        print(json.dumps(document(overview), indent=None if settings.watch else 2), flush=True)
        return
    columns, lines = terminal.size()
    terminal.print(screen(overview, width=columns, height=lines))

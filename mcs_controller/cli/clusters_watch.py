"""`mcs-controller clusters --watch`: the clusters that are there, and then each change, until it is stopped.

Of a table each change is another line, as kubectl prints it; one that was deleted says so at its end.
Programs read the type of the change and the object: of JSON one line each, of YAML one document each.
"""

import asyncio
import json
from collections.abc import Sequence
from random import Random

from mcs_controller.api.resources import Resource
from mcs_controller.cli.clusters_rows import columns_of, namespace_of, rows_of
from mcs_controller.cli.clusters_settings import ClustersSettings
from mcs_controller.cli.inventory_reading import whole_object
from mcs_controller.kube.client import Client, JsonObject
from mcs_controller.kube.informer import Informer
from mcs_controller.kube.store import Entry
from mcs_controller.kube.tasks import Tasks
from mcs_controller.kube.yaml_writer import to_yaml
from mcs_controller.observe.visible import visible

_Change = tuple[str, JsonObject]


async def watch(client: Client, resource: Resource, settings: ClustersSettings) -> None:
    """Print until cancelled; what the API server does not answer is asked again. Raises `KubeError`."""
    changes: asyncio.Queue[_Change] = asyncio.Queue()

    def note(old: Entry[JsonObject] | None, new: Entry[JsonObject] | None) -> None:
        if new is not None:
            changes.put_nowait(("ADDED" if old is None else "MODIFIED", new.value))
        elif old is not None:
            changes.put_nowait(("DELETED", old.value))

    informer = Informer(
        client,
        resource,
        lambda body: whole_object(body, resource),
        name="clusterprofiles",
        random=Random(),
        namespace=namespace_of(settings),
        label_selector=settings.selector or "",
    )
    informer.subscribe(note)
    async with Tasks("clusters") as tasks:
        tasks.start(informer.run(), name="informer")
        await informer.wait_synced()
        printer = _Printer(settings)
        # The rows that are there first decide together how wide the columns are.
        printer.print([changes.get_nowait() for _ in range(changes.qsize())])
        while True:
            printer.print([await changes.get()])


class _Printer:
    """Lines under one head, whose columns only become wider."""

    def __init__(self, settings: ClustersSettings) -> None:
        self._settings = settings
        self._widths: list[int] = []

    def print(self, changes: Sequence[_Change]) -> None:
        """One or more changes."""
        match self._settings.output:
            case "json":
                for kind, body in changes:
                    print(json.dumps({"type": kind, "object": body}), flush=True)
            case "yaml":
                for kind, body in changes:
                    print(to_yaml([{"type": kind, "object": body}]), end="", flush=True)
            case _:
                self._print_rows(changes)

    def _print_rows(self, changes: Sequence[_Change]) -> None:
        columns = columns_of(self._settings)
        cells = rows_of([body for _, body in changes], self._settings)
        rows = [
            (*(visible(cell) for cell in one), "deleted" if kind == "DELETED" else "")
            for (kind, _), one in zip(changes, cells, strict=True)
        ]
        if not self._widths:
            self._widths = [0] * (len(columns) + 1)
            rows.insert(0, (*columns, ""))
        for place, width in enumerate(self._widths):
            self._widths[place] = max([width, *(len(one[place]) for one in rows)])
        for one in rows:
            line = "  ".join(cell.ljust(width) for cell, width in zip(one, self._widths, strict=True))
            print(line.rstrip(), flush=True)

"""`mcs-controller dns check`: does a DNS server answer what the specification asks for this cluster?

Reads the ServiceImports and imported slices of the cluster, asks the server about all of them, and prints a
table of the differences. A cluster changes while it is looked at: what differs is checked again, objects and
answers, and only what differs every time is reported. A monitoring job must be able to tell "it is wrong"
from "it is not known", so whatever keeps this command from asking ends it with another exit code,
`CannotAsk`.
"""

import argparse
import asyncio
import ipaddress
import os
from collections.abc import Iterable
from random import Random, SystemRandom
from typing import Final

from mcs_controller.api.names import LABEL_SERVICE_NAME
from mcs_controller.api.resources import ENDPOINT_SLICES, MCS_API, service_imports
from mcs_controller.cli.connecting import connect
from mcs_controller.cli.errors import CannotAsk, UsageError
from mcs_controller.cli.options import add_options, read_options
from mcs_controller.cli.settings import DnsCheckSettings
from mcs_controller.clusterset.errors import MalformedObject
from mcs_controller.clusterset.model import ImportedSlice, LocalImport, ServiceKey
from mcs_controller.clusterset.services import decode
from mcs_controller.dns.errors import DnsError
from mcs_controller.dns.zone.lookup import Zone
from mcs_controller.dnscheck.check import Checker, Difference
from mcs_controller.dnscheck.expected import Expectation, expected_answers, expected_of_zone
from mcs_controller.kube.client import Client
from mcs_controller.kube.discovery import served_resource
from mcs_controller.kube.errors import KubeError

LOOKS: Final = 3
PAUSE_SECONDS: Final = 2.0
DIFFERS: Final = 1
_COLUMNS: Final = ("NAME", "TYPE", "EXPECTED", "FOUND", "RULE")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's options."""
    # What `dns` was given before the word `check` counts, too.
    add_options(parser, DnsCheckSettings, inherited=("kubeconfig", "context", "zone"))


async def run(arguments: argparse.Namespace, *, random: Random | None = None) -> int:
    """0 if the server answers as it should, `DIFFERS` if not. Raises `UsageError` and `CannotAsk`."""
    settings = read_options(DnsCheckSettings, arguments, os.environ)
    try:
        host = str(ipaddress.ip_address(settings.server.host))
    except ValueError as error:
        raise UsageError(f"--server: {settings.server.host!r} is not an IP address") from error
    random = random or SystemRandom()
    try:
        return await _check(settings, Checker((host, settings.server.port), random=random), random)
    except asyncio.CancelledError:
        # Other commands end with exit code 0 when stopped; here that would mean that nothing differs.
        raise CannotAsk("stopped before every question was asked") from None
    except (KubeError, DnsError) as error:
        raise CannotAsk(str(error)) from error


async def _check(settings: DnsCheckSettings, checker: Checker, random: Random) -> int:
    zone = Zone(settings.zone).name
    client = connect(settings.kubeconfig, settings.context, name="local")
    try:
        expectations = await expectations_of(client, zone, random)
        differences = await checker.check(expectations)
        for _ in range(LOOKS - 1):
            if not differences:
                break
            await asyncio.sleep(PAUSE_SECONDS)
            suspects = {(difference.name, difference.type) for difference in differences}
            again = await expectations_of(client, zone, random)
            differences = await checker.check(each for each in again if (each.name, each.type) in suspects)
    finally:
        await client.close()
    _print(differences)
    questions = f"{len(expectations)} questions about {zone} to {settings.server}"
    if differences:
        print(f"\n{questions}: {len(differences)} differences")
        return DIFFERS
    print(f"{questions}: every answer is as the specification asks")
    if checker.partial:
        print(f"{len(checker.partial)} of them have some of the endpoints, as the specification allows")
    return 0


async def expectations_of(client: Client, zone: str, random: Random) -> list[Expectation]:
    """What is to be asked about the cluster; `zone` ends with a dot. Raises `KubeError`."""
    served_imports = await served_resource(client, MCS_API, service_imports)
    slices: dict[ServiceKey, list[ImportedSlice]] = {}
    listed = await client.list(ENDPOINT_SLICES, label_selector=LABEL_SERVICE_NAME)
    for body in listed.items:
        try:
            piece = decode.imported_slice_any_manager(body)
        except MalformedObject:
            continue  # a server that reads it leaves it out as well
        if piece is not None:
            slices.setdefault(piece.service, []).append(piece)
    imports: list[LocalImport] = []
    for body in (await client.list(served_imports)).items:
        try:
            imports.append(decode.service_import(body))
        except MalformedObject:
            continue
    unused = f"check-{random.getrandbits(48):012x}"
    expectations = list(expected_of_zone(zone, unused))
    for imported in sorted(imports, key=lambda each: each.service):
        expectations += expected_answers(imported, slices.get(imported.service, ()), zone)
    return expectations


def _print(differences: Iterable[Difference]) -> None:
    rows = [
        (difference.name, difference.type, difference.expected, difference.found, difference.rule)
        for difference in differences
    ]
    if not rows:
        return
    table = [_COLUMNS, *rows]
    widths = [max(len(row[column]) for row in table) for column in range(len(_COLUMNS))]
    for row in table:
        print("  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip())

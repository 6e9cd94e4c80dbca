"""`mcs-controller crds`: print the CustomResourceDefinitions, or bring a cluster's up to them.

An installed definition that is newer than ours, or as new, is never touched, whoever installed it
(MCS-API-06), nor is one of a shared API that somebody else installed: the agent works with what it finds.
Printing needs no cluster. A comparison must not say "something is missing" when that is unknown: a cluster
that cannot be read is `CannotAsk`.
"""

import argparse
import asyncio
import os
import sys
from collections.abc import AsyncIterator
from typing import Final

import yaml

from mcs_controller.api.crd import all_crds, crds_of
from mcs_controller.api.resources import CUSTOM_RESOURCE_DEFINITIONS
from mcs_controller.api.revisions import JsonObject, Verdict, verdict
from mcs_controller.cli.connecting import connect
from mcs_controller.cli.errors import CannotAsk, UsageError
from mcs_controller.cli.lifecycle import run_command
from mcs_controller.cli.options import add_options, read_options
from mcs_controller.cli.settings import CrdsSettings
from mcs_controller.kube.client import Client
from mcs_controller.kube.errors import KubeError, NotFound

_TOLD: Final = {
    "missing": "not installed",
    "older": "older than ours",
    "equal": "as new as ours",
    "newer": "newer than ours, left as it is",
    "foreign": "installed by others, left as it is",
}
_DONE: Final = {"missing": "installed", "older": "updated"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's options."""
    add_options(parser, CrdsSettings)


def run(arguments: argparse.Namespace) -> int:
    """Print, compare or install; the exit code."""
    settings = read_options(CrdsSettings, arguments, os.environ)
    if settings.check and settings.apply:
        raise UsageError("--check and --apply: choose one of them")
    wanted = all_crds() if settings.for_ == "all" else crds_of(settings.for_)
    if settings.check:
        return run_command(_check(settings, wanted))
    if settings.apply:
        return run_command(_in_cluster(settings, wanted))
    yaml.safe_dump_all(wanted, sys.stdout, sort_keys=False, explicit_start=True)
    sys.stdout.flush()
    return 0


async def _check(settings: CrdsSettings, wanted: list[JsonObject]) -> int:
    try:
        return await _in_cluster(settings, wanted)
    except asyncio.CancelledError:
        # Other commands end with exit code 0 when stopped; here that would mean that all is installed.
        raise CannotAsk("stopped before every definition was compared") from None
    except KubeError as error:
        raise CannotAsk(str(error)) from error


async def _in_cluster(settings: CrdsSettings, wanted: list[JsonObject]) -> int:
    client = connect(settings.kubeconfig, settings.context, name="local")
    lacking = False
    try:
        async for name, found in compare(client, wanted, apply=settings.apply):
            lacking = lacking or found in _DONE
            print(f"{name}: {_DONE[found] if settings.apply and found in _DONE else _TOLD[found]}")
    finally:
        await client.close()
    return 1 if lacking and not settings.apply else 0


async def compare(
    client: Client, wanted: list[JsonObject], *, apply: bool
) -> AsyncIterator[tuple[str, Verdict]]:
    """Each definition's name and what was found; with `apply`, what is missing or older is installed."""
    for crd in wanted:
        name = crd["metadata"]["name"]
        try:
            installed = await client.get(CUSTOM_RESOURCE_DEFINITIONS, name)
        except NotFound:
            installed = None
        found = verdict(installed, crd)
        if apply and installed is None:
            await client.create(CUSTOM_RESOURCE_DEFINITIONS, crd)
        elif apply and installed is not None and found == "older":
            await client.update(CUSTOM_RESOURCE_DEFINITIONS, _merged(installed, crd))
        yield name, found


def _merged(installed: JsonObject, crd: JsonObject) -> JsonObject:
    """Ours, with the labels and annotations that others put on the installed one."""
    metadata = installed["metadata"]
    return {
        **crd,
        "metadata": {
            "name": metadata["name"],
            "resourceVersion": metadata["resourceVersion"],
            "labels": {**(metadata.get("labels") or {}), **crd["metadata"].get("labels", {})},
            "annotations": metadata.get("annotations") or {},
        },
    }

"""`mcs-controller clusters`: the clusters of an inventory, which is a namespace with ClusterProfiles.

It is for whoever may read the inventory, and needs no rights beyond that. What is below it: a kubeconfig for
one of them (`clusters_kubeconfig.py`), and what older registries had (`clusters_import.py`).
"""

import argparse
import os
from collections.abc import Sequence
from http import HTTPStatus
from typing import Final

from mcs_controller.api.resources import Resource
from mcs_controller.cli import clusters_import, clusters_kubeconfig
from mcs_controller.cli.clusters_rows import columns_of, namespace_of, rows_of
from mcs_controller.cli.clusters_settings import ClustersSettings
from mcs_controller.cli.clusters_watch import watch
from mcs_controller.cli.connecting import connect
from mcs_controller.cli.errors import UsageError
from mcs_controller.cli.inventory_reading import profiles_resource, whole_object
from mcs_controller.cli.options import add_options, options_of, read_options
from mcs_controller.cli.output import as_document, table
from mcs_controller.cli.refusals import told_refusals
from mcs_controller.cli.subcommands import add_subcommands
from mcs_controller.kube.client import Client, JsonObject
from mcs_controller.kube.errors import ApiError

_KUBECONFIG: Final = "print a kubeconfig by which kubectl reaches a cluster of the inventory"
_IMPORT: Final = "make ClusterProfiles of the clusters in an old registry, and print them"

_GUESSES: Final = ("list", "get", "ls")
"""What is tried first; the command alone does it."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's options, and those of the commands below it."""
    add_options(parser, ClustersSettings)
    add_subcommands(
        parser,
        "[kubeconfig|import]",
        (
            ("kubeconfig", _KUBECONFIG, clusters_kubeconfig.add_arguments),
            ("import", _IMPORT, clusters_import.add_arguments),
        ),
        required=False,
        guesses=tuple((guess, _add_inherited) for guess in _GUESSES),
    )


def _add_inherited(parser: argparse.ArgumentParser) -> None:
    add_options(parser, ClustersSettings, inherited=[one.key for one in options_of(ClustersSettings)])


async def run(arguments: argparse.Namespace) -> int:
    """Print them. Raises `CliError`, `AccessError`, `KubeError`."""
    match arguments.action:
        case guess if guess in _GUESSES:
            raise UsageError(f"there is no {guess}: `{arguments.program} clusters` alone lists the clusters")
        case "kubeconfig":
            return await clusters_kubeconfig.run(arguments)
        case "import":
            return clusters_import.run(arguments)
    settings = read_options(ClustersSettings, arguments, os.environ)
    client = connect(settings.kubeconfig, settings.context, name="hub")
    try:
        with told_refusals(settings.kubeconfig, *_rights(settings)):
            resource = await profiles_resource(client)
            # Before a watch, too: that would ask again and again where it is refused or its selector is none.
            found = await _list(client, resource, settings)
            if settings.watch:
                await watch(client, resource, settings)
            else:
                _print(found, settings)
    finally:
        await client.close()
    return 0


def _rights(settings: ClustersSettings) -> tuple[str, str]:
    """What is needed, and what to do without it."""
    if settings.all_namespaces:
        return (
            "list ClusterProfiles in all namespaces",
            "leave out --all-namespaces, and name one with --namespace",
        )
    return (
        f"list ClusterProfiles in namespace {settings.namespace}",
        "name another with --namespace, or have the hub's administrator grant get, list and watch on "
        "clusterprofiles there",
    )


async def _list(client: Client, resource: Resource, settings: ClustersSettings) -> list[JsonObject]:
    try:
        listed = await client.list(
            resource, namespace=namespace_of(settings), label_selector=settings.selector or ""
        )
    except ApiError as error:
        if error.status != HTTPStatus.BAD_REQUEST or not settings.selector:
            raise
        raise UsageError(f"--selector is none that the hub understands: {error.message}") from error
    found = [whole_object(one, resource) for one in listed.items]
    found.sort(key=lambda one: (one["metadata"]["namespace"], one["metadata"]["name"]))
    return found


def _print(found: Sequence[JsonObject], settings: ClustersSettings) -> None:
    if settings.output in ("json", "yaml"):
        print(as_document(settings.output, {"apiVersion": "v1", "kind": "List", "items": found}))
    elif found:
        print(table(columns_of(settings), rows_of(found, settings)))
    else:
        where = "" if settings.all_namespaces else f" in namespace {settings.namespace}"
        which = f" with labels {settings.selector}" if settings.selector else ""
        print(f"there are no ClusterProfiles{where}{which}")

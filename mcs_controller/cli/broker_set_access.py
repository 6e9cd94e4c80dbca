"""`mcs-controller broker set-access MEMBER`: how others reach a member, as its ClusterProfile tells them.

The broker's administrator says it, in the spec of the MemberCluster, and never the member: consumers send
their credentials to the server that stands there. Several ways may be set, each by the name of its provider.
"""

import argparse
import os
from base64 import b64encode
from collections.abc import Iterator
from typing import Any

from mcs_controller.access.profiles import CONFIG_EXTENSION
from mcs_controller.api.resources import MEMBER_CLUSTERS
from mcs_controller.cli.clusters_settings import SetAccessSettings
from mcs_controller.cli.connecting import connect, file_of_broker, read_ca
from mcs_controller.cli.errors import CliError, UsageError
from mcs_controller.cli.fuse_status import check_is_broker
from mcs_controller.cli.installing import say
from mcs_controller.cli.options import add_options, read_argument, read_options
from mcs_controller.cli.output import table
from mcs_controller.clusterset.identity import check_cluster_id, member_namespace
from mcs_controller.clusterset.syntax import is_subdomain
from mcs_controller.kube.client import Client
from mcs_controller.kube.errors import Conflict
from mcs_controller.kube.lookup import find

_COLUMNS = ("PROVIDER", "SERVER", "CERTIFICATE")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The member's name, and the command's options."""
    parser.add_argument("name", metavar="MEMBER", help="the member's id, as `members` lists it")
    add_options(parser, SetAccessSettings)


async def run(arguments: argparse.Namespace) -> int:
    """Set or remove one way, and print all of them. Raises `CliError`, `KubeError`."""
    settings = read_options(SetAccessSettings, arguments, os.environ)
    name = read_argument(check_cluster_id, arguments.name)
    wanted = None if settings.remove else _access(settings)
    file = file_of_broker(settings.kubeconfig, settings.broker_kubeconfig, settings.broker_context)
    client = connect(file, settings.broker_context, name="broker")
    try:
        ways = await _set(client, name, settings.provider, wanted)
    finally:
        await client.close()
    if ways:
        print(table(_COLUMNS, [_row(one) for one in ways]))
    else:
        print(f"member {name} is reached by nobody: its ClusterProfile has no access provider")
    return 0


def _access(settings: SetAccessSettings) -> dict[str, Any]:
    """The way as the MemberCluster has it. Raises `UsageError`, `CliError`."""
    if settings.server is None:
        raise UsageError("--server is missing: say where consumers reach the member, or give --remove")
    ca = read_ca(settings.certificate_authority)
    if ca and settings.insecure_skip_tls_verify:
        raise UsageError("--certificate-authority and --insecure-skip-tls-verify: choose one of them")
    if settings.insecure_skip_tls_verify:
        say("warning: whoever is between a consumer and the member can take its credential")
    for warning in _of_no_use_to_ours(settings):
        say(f"warning: {warning}; consumers of others may take it")
    config = settings.exec_config
    fields = {
        "name": settings.provider,
        "server": settings.server,
        "certificateAuthorityData": b64encode(ca).decode(),
        "tlsServerName": settings.tls_server_name,
        "proxyUrl": settings.proxy_url,
        "insecureSkipTLSVerify": settings.insecure_skip_tls_verify,
        "disableCompression": settings.disable_compression,
        "extensions": [{"name": CONFIG_EXTENSION, "extension": dict(config)}] if config is not None else None,
    }
    return {field: value for field, value in fields.items() if value}


def _of_no_use_to_ours(settings: SetAccessSettings) -> Iterator[str]:
    """What this project's consumers refuse, while those of others may take it."""
    if (settings.proxy_url or "").startswith("socks5:"):
        yield "--proxy-url is a SOCKS proxy, which `clusters kubeconfig` and mcs_controller.access refuse"
    name = (settings.exec_config or {}).get("clusterName", "none")
    if not (isinstance(name, str) and is_subdomain(name)):
        yield "clusterName in --exec-config can be no Secret's name, and the plugin secretreader refuses it"


async def _set(
    client: Client, name: str, provider: str, wanted: dict[str, Any] | None
) -> list[dict[str, Any]]:
    """All ways afterwards; those of other names stay as they are. Raises `CliError`, `KubeError`."""
    namespace = member_namespace(name)
    member = await find(client, MEMBER_CLUSTERS, name, namespace)
    if member is None:
        await check_is_broker(client)
        raise CliError(f"there is no member {name} on this broker: `broker create-member {name}` makes it")
    before = list((member.get("spec") or {}).get("access") or ())
    ways = [wanted if one["name"] == provider and wanted else one for one in before]
    known = provider in (one["name"] for one in before)
    if wanted is None:
        if not known:
            raise CliError(f"member {name} has no access provider {provider}: there is nothing to remove")
        ways = [one for one in before if one["name"] != provider]
    elif not known:
        ways.append(wanted)
    patch = {
        "metadata": {"resourceVersion": member["metadata"]["resourceVersion"]},
        "spec": {"access": ways or None},
    }
    try:
        changed = await client.patch(MEMBER_CLUSTERS, name, patch, namespace=namespace)
    except Conflict as error:
        raise CliError(f"member {name} was changed at the same time: run the command again") from error
    kept = (changed.get("spec") or {}).get("access") or []
    if ways and [one["name"] for one in kept] != [one["name"] for one in ways]:
        raise CliError(
            "the broker's MemberCluster is of an older release and has no access: run `broker init`"
        )
    return list(kept)


def _row(way: dict[str, Any]) -> tuple[str, ...]:
    if way.get("insecureSkipTLSVerify"):
        trusts = "not checked"
    else:
        trusts = "by its CA" if way.get("certificateAuthorityData") else "by the system's CAs"
    return (str(way["name"]), str(way["server"]), trusts)

"""`mcs-controller broker create-member NAME`: a cluster's place on the broker, and the credential for it.

The credential is a kubeconfig. It is printed because it is the result, or written to a file of its owner's;
everything else goes to stderr then. A member that a cluster uses gets another one only with `--renew`: it
could be meant for another cluster. The earlier ones stay valid unless they are revoked: one that was stolen
can be used to get others, so that it does not help to wait until it ends.
"""

import argparse
import ipaddress
import os
import shlex
from pathlib import Path
from urllib.parse import urlsplit

from mcs_controller.api.resources import CLUSTER_ROLES, MEMBER_CLUSTERS, SERVICE_ACCOUNTS
from mcs_controller.cli.broker_clusterset import for_member, read_names
from mcs_controller.cli.connecting import connect, file_of_broker, read_ca, settings_of
from mcs_controller.cli.errors import CliError, UsageError
from mcs_controller.cli.install_settings import CreateMemberSettings
from mcs_controller.cli.installing import result_text, rows_of, say, serves_broker
from mcs_controller.cli.options import add_options, read_argument, read_options
from mcs_controller.cli.output import as_document, as_manifests, check_may_write, write_private
from mcs_controller.clusterset.identity import check_cluster_id, member_namespace
from mcs_controller.clusterset.membership.member import decode_member
from mcs_controller.clusterset.model import Member
from mcs_controller.install.apply import carry_out, plan
from mcs_controller.install.kubeconfigs import Server, member_kubeconfig
from mcs_controller.install.objects import ACCOUNT, ROLE_MEMBER, ROLE_READER, member_objects
from mcs_controller.install.planning import Step, Wanted, replacing
from mcs_controller.kube.client import Client
from mcs_controller.kube.errors import NotFound
from mcs_controller.kube.lookup import find
from mcs_controller.kube.tokens import Token, request_token


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The member's name, and the command's options."""
    parser.add_argument(
        "name",
        metavar="NAME",
        help="the cluster's id in the clusterset: a DNS label of at most 52 characters, never reused",
    )
    add_options(parser, CreateMemberSettings)


async def run(arguments: argparse.Namespace) -> int:
    """Make the member and its credential. Raises `CliError`, `InstallError`, `KubeError`."""
    settings = read_options(CreateMemberSettings, arguments, os.environ)
    name = read_argument(check_cluster_id, arguments.name)
    if settings.revoke and not settings.renew:
        raise UsageError("--revoke needs --renew: the member gets another credential for those that end")
    if settings.dry_run:
        print(as_manifests([one.body for one in _wanted(name, settings, settings.clusterset)]))
        return 0
    if settings.output_file is not None:
        check_may_write(settings.output_file, force=settings.force)
    file = file_of_broker(settings.kubeconfig, settings.broker_kubeconfig, settings.broker_context)
    server = _server(settings, file)
    client = connect(file, settings.broker_context, name="broker")
    try:
        await _check_broker(client, arguments.program)
        clusterset = for_member(await read_names(client), name, settings.clusterset)
        wanted = _wanted(name, settings, clusterset)
        # First what is being deleted goes: a member that was removed a moment ago is none.
        steps = await plan(client, wanted, tell=say)
        _check_meant(name, await _member(client, name), renew=settings.renew)
        if settings.revoke:
            steps = [replacing(one) if one.wanted.resource is SERVICE_ACCOUNTS else one for one in steps]
        steps = await carry_out(client, steps)
        token = await request_token(client, member_namespace(name), ACCOUNT, settings.token_hours * 3600)
    finally:
        await client.close()
    _tell(settings, arguments.program, name, steps, member_kubeconfig(name, server, token.text), token)
    return 0


def _wanted(name: str, settings: CreateMemberSettings, clusterset: str | None) -> list[Wanted]:
    return member_objects(name, settings.pod_cidrs, settings.namespaces, settings.location, clusterset)


def _tell(
    settings: CreateMemberSettings,
    program: str,
    name: str,
    steps: list[Step],
    kubeconfig: dict[str, object],
    token: Token,
) -> None:
    text = as_document("json" if settings.output == "json" else "yaml", kubeconfig)
    if settings.output_file is None:
        print(text)
        for kind, namespace, object_name, result in rows_of(steps):
            say(f"{kind} {namespace}{'/' if namespace else ''}{object_name}: {result}")
        file = "FILE"
    else:
        write_private(settings.output_file, f"{text}\n", force=settings.force)
        print(result_text(settings.output, rows_of(steps)))
        file = shlex.quote(str(settings.output_file))
        say(f"{file}: the credential of {name}")
    if settings.revoke:
        say(
            f"all earlier credentials of {name} have ended: the broker refuses them within seconds, and the "
            "agent can do nothing there until it has this one"
        )
    say(
        f"the credential expires at {token.expires_at}, unless the agent renews it (--broker-renew-in); "
        f"`broker create-member {name} --renew` makes another"
    )
    say(f"next, with the kubeconfig of cluster {name}: {program} join --broker-kubeconfig {file}")


async def _check_broker(client: Client, program: str) -> None:
    """Raise `CliError` unless `broker init`, or the chart, was here."""
    lacking = "" if await serves_broker(client) else "its kinds"
    for role in (ROLE_READER, ROLE_MEMBER):
        try:
            await client.get(CLUSTER_ROLES, role)
        except NotFound:
            lacking = lacking or f"ClusterRole {role}"
    if lacking:
        raise CliError(f"this API server is no broker yet, it lacks {lacking}: run `{program} broker init`")


async def _member(client: Client, name: str) -> Member | None:
    found = await find(client, MEMBER_CLUSTERS, name, member_namespace(name))
    return None if found is None else decode_member(found)


def _check_meant(name: str, member: Member | None, *, renew: bool) -> None:
    if renew and member is None:
        raise CliError(f"there is no member {name} on this broker: leave --renew out to create it")
    if not renew and member is not None and member.cluster_uid:
        raise CliError(
            f"member {member.cluster} is in use, by the cluster whose kube-system has UID "
            f"{member.cluster_uid}: --renew makes another credential for that cluster; for another cluster "
            "choose another name"
        )


def _server(settings: CreateMemberSettings, file: Path | None) -> Server:
    """How members reach the broker. Raises `CliError`, `ConfigError`."""
    found = settings_of(file, settings.broker_context)
    url = settings.server or (found.server if found is not None else None)
    if url is None:
        raise UsageError("--server is missing: in a pod nobody knows where others reach this API server")
    ca = read_ca(settings.certificate_authority or (found.tls.ca if found is not None else None))
    if not ca and found is not None and found.tls.insecure:
        raise CliError(
            "the broker's kubeconfig does not verify the server: give its CA with --certificate-authority"
        )
    if settings.server is None and _is_loopback(url):
        say(f"warning: {url} is an address of this machine: if members cannot reach it, give --server")
    server_name = found.tls.server_name if found is not None and not settings.server else None
    return Server(url, ca, server_name)


def _is_loopback(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"

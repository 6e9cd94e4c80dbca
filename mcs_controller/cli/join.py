"""`mcs-controller join`: gives a cluster the credential with which its agent becomes a member.

It asks the broker with that credential, and writes only when the cluster can be that member. On the broker it
says that the id is this cluster's, so that no other one joins with the same file. Where the kind
ClusterProperty is installed it sets the cluster's id and its clusterset (KEP-2149). It can be repeated, with
another credential too. It does not start the agent.
"""

import argparse
import os
from base64 import b64decode
from binascii import Error as Base64Error
from pathlib import Path
from random import Random

from mcs_controller.api.resources import MEMBER_CLUSTERS, NAMESPACES
from mcs_controller.cli.connecting import connect
from mcs_controller.cli.errors import CliError
from mcs_controller.cli.install_settings import JoinSettings
from mcs_controller.cli.installing import result_text, rows_of, say
from mcs_controller.cli.options import add_options, read_options
from mcs_controller.cli.output import as_manifests
from mcs_controller.clusterset.identity import member_namespace
from mcs_controller.clusterset.membership.member import decode_member
from mcs_controller.clusterset.model import Member
from mcs_controller.controllers.membership.claim import check_owner, claim
from mcs_controller.controllers.membership.cluster_id import ClusterId
from mcs_controller.install.apply import carry_out, plan, read
from mcs_controller.install.cluster_properties import property_objects
from mcs_controller.install.errors import UnusableKubeconfig
from mcs_controller.install.joining import agreed_id, check_same_member, clocks_problem
from mcs_controller.install.kubeconfigs import MemberKubeconfig, read_member_kubeconfig
from mcs_controller.install.objects import SECRET, SECRET_KEY, join_objects
from mcs_controller.install.planning import JsonObject, Wanted
from mcs_controller.kube.client import Client
from mcs_controller.kube.clock import SystemClock
from mcs_controller.kube.connection.lifetime import lifetime_of
from mcs_controller.kube.errors import Forbidden, NotFound, TransportError, Unauthorized


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's options."""
    add_options(parser, JoinSettings)


async def run(arguments: argparse.Namespace) -> int:
    """Check, and write. Raises `CliError`, `InstallError`, `KubeError`, `InvalidClusterId`, `FatalError`."""
    settings = read_options(JoinSettings, arguments, os.environ)
    file = settings.broker_kubeconfig.expanduser()
    given = _kubeconfig(file, settings.broker_context)
    given_id = agreed_id(given.cluster_id, settings.cluster_id)
    wanted = join_objects(settings.namespace, given.text)
    local = connect(settings.kubeconfig, settings.context, name="local")
    try:
        broker = connect(file, settings.broker_context, name="broker")
        try:
            cluster_id = await ClusterId(local, random=Random()).ask(given_id, or_uid=True)
            uid = (await local.get(NAMESPACES, "kube-system"))["metadata"]["uid"]
            member = await _check_broker(local, broker, cluster_id, given, known=given_id is not None)
            check_owner(member, uid)
            await _check_before(local, wanted[-1], cluster_id)
            wanted = [*(await property_objects(local, cluster_id, member.clusterset)), *wanted]
            steps = await plan(local, wanted, tell=say)
            if not settings.dry_run:
                # Before the credential is here: of two clusters that join with one file, one has it.
                await claim(broker, cluster_id, uid)
        finally:
            await broker.close()
        if settings.dry_run:
            print(as_manifests([_without_credential(one.body) for one in wanted]))
            say(
                f"left out of Secret {settings.namespace}/{SECRET}, which no agent can use so: the key "
                f"{SECRET_KEY}, which is what {file} holds"
            )
            return 0
        steps = await carry_out(local, steps)
    finally:
        await local.close()
    print(result_text(settings.output, rows_of(steps)))
    say(
        f"next: helm upgrade --install mcs-controller charts/mcs-controller --namespace {settings.namespace} "
        f"--set agent.config.clusterId={cluster_id} --set image.repository=IMAGE; or start the agent "
        f"yourself, with the kubeconfig in Secret {settings.namespace}/{SECRET} (key {SECRET_KEY}). "
        f"`{arguments.program} members` shows when it has joined"
    )
    return 0


def _kubeconfig(file: Path, context: str | None) -> MemberKubeconfig:
    try:
        return read_member_kubeconfig(file.read_text("utf-8"), context)
    except UnusableKubeconfig as error:
        raise UnusableKubeconfig(f"kubeconfig {file}: {error}") from error
    except OSError as error:
        raise CliError(f"kubeconfig {file} cannot be read: {error.strerror}") from error
    except UnicodeDecodeError:
        raise CliError(f"kubeconfig {file} is not text") from None


async def _check_broker(
    local: Client, broker: Client, cluster_id: str, given: MemberKubeconfig, *, known: bool
) -> Member:
    """The member on the broker. Raises unless the credential is that of `cluster_id`.

    `known`: the user, or the kubeconfig, says that this is the id.
    """
    try:
        raw = await broker.get(MEMBER_CLUSTERS, cluster_id, member_namespace(cluster_id))
    except TransportError as error:
        raise CliError(f"the broker at {given.server} cannot be reached from here: {error}") from error
    except Unauthorized as error:
        # By the broker's clock: this machine's may be wrong.
        lifetime = lifetime_of(given.token)
        expired = lifetime is not None and lifetime.expires <= SystemClock().now().timestamp()
        why = "has expired" if expired else "may have expired or been revoked"
        raise CliError(
            f"the broker at {given.server} does not accept the credential, which {why}: "
            f"`broker create-member {cluster_id} --renew` makes another"
        ) from error
    except Forbidden as error:
        raise CliError(f"the credential is not that of member {cluster_id}: {error}") from error
    except NotFound as error:
        raise CliError(
            f"the broker at {given.server} has no MemberCluster {cluster_id}: its administrator runs "
            f"`broker create-member {cluster_id}`{'' if known else ', or you say another id by --cluster-id'}"
        ) from error
    problem = clocks_problem(await local.date(), await broker.date())
    if problem is not None:
        say(f"warning: {problem}")
    return decode_member(raw)


async def _check_before(local: Client, secret: Wanted, cluster_id: str) -> None:
    """Raise `InstallError` if there is a credential of another member."""
    found = await read(local, secret)
    text = ((found or {}).get("data") or {}).get(SECRET_KEY)
    if not text:
        return
    try:
        before = read_member_kubeconfig(b64decode(text).decode())
    except (UnusableKubeconfig, UnicodeDecodeError, Base64Error):
        return
    check_same_member(before.cluster_id, cluster_id, f"{secret.namespace}/{secret.name}")


def _without_credential(body: JsonObject) -> JsonObject:
    """What a dry run shows: a credential is never printed in passing, nor anything in its place.

    Whoever applies it does not overwrite the one that is there.
    """
    return {key: value for key, value in body.items() if key != "data"}

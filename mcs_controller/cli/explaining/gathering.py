"""Everything that is read for an explanation, in order: the broker, the cluster, DNS.

The cluster that was named, or the broker with `--from`, must answer. Whatever else cannot be read is named in
the picture.
"""

from collections.abc import Collection, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from mcs_controller.cli.connecting import connect, file_of_broker, kubeconfig_files
from mcs_controller.cli.errors import CliError, UsageError
from mcs_controller.cli.explain_settings import ExplainSettings
from mcs_controller.cli.explaining.broker import read_broker
from mcs_controller.cli.explaining.bulk import read_services
from mcs_controller.cli.explaining.cluster import cluster_id, read_cluster
from mcs_controller.cli.explaining.dns import ask_dns
from mcs_controller.cli.explaining.policies import read_live
from mcs_controller.cli.explaining.reading import Reading
from mcs_controller.cli.shared_options import agents_lease
from mcs_controller.clusterset.explain.changes import BULK_KIND, POLICY_KINDS
from mcs_controller.clusterset.explain.picture import Assumed, OnBroker, Picture, Unknown
from mcs_controller.clusterset.model import ServiceKey
from mcs_controller.install.checks import model as checks
from mcs_controller.install.checks.credential import of_secret
from mcs_controller.install.objects import SECRET
from mcs_controller.kube.client import Client
from mcs_controller.kube.clock import SystemClock
from mcs_controller.kube.connection.config import load_kubeconfig_text

_DNS_SERVICE = "mcs-dns"
_GIVE_BROKER = "give the broker's kubeconfig with --broker-kubeconfig, or its context with --broker-context"


async def gather(
    settings: ExplainSettings, key: ServiceKey, *, ask_dns_too: bool = True, changing: Collection[str] = ()
) -> Picture:
    """The picture of a service, now. Raises `CliError`, `KubeError`.

    `ask_dns_too`: with what DNS answers. `changing` are the kinds of the objects that would be changed: of
    policies, with all that they may end or make in the cluster.
    """
    if settings.from_ is not None:
        return await _from_broker(settings, settings.from_, key)
    local = connect(settings.kubeconfig, settings.context, name="local")
    try:
        await local.get_raw("/version")
        on_broker, unknown = await _read_broker(await _broker_of(settings, local), key)
        return await _picture(
            settings, local, key, on_broker, unknown, ask_dns_too=ask_dns_too, changing=changing
        )
    finally:
        await local.close()


async def _picture(
    settings: ExplainSettings,
    local: Client,
    key: ServiceKey,
    on_broker: tuple[OnBroker, ...] | None,
    unknown: Sequence[Unknown],
    *,
    ask_dns_too: bool,
    changing: Collection[str],
) -> Picture:
    asking = Reading(local, "in this cluster")
    members = [one.member for one in on_broker or () if one.member is not None]
    cluster = settings.cluster_id or await cluster_id(asking, members)
    if not cluster and on_broker is not None:
        asking.add_unknown(
            Unknown("which member this cluster is", "nothing tells: name it with --cluster-id NAME")
        )
    here = await read_cluster(asking, key, cluster, agents_lease(settings))
    if not {*POLICY_KINDS}.isdisjoint(changing):
        here = replace(here, live=await read_live(asking))
    if BULK_KIND in changing:
        here = replace(here, bulk=await read_services(asking, here.bulk))
    # What DNS should say is in these: without them no answer can be judged.
    if not ask_dns_too or here.unread & {"ServiceImport", "imported EndpointSlices"}:
        return _made(settings, key, on_broker, [*unknown, *asking.unknown], here=here)
    service = settings.dns_service or ServiceKey(settings.namespace, _DNS_SERVICE)
    dns = await ask_dns(asking, here, key, server=settings.dns, service=service, zone=settings.zone)
    return _made(settings, key, on_broker, [*unknown, *asking.unknown], here=here, dns=dns)


async def _from_broker(settings: ExplainSettings, named: str, key: ServiceKey) -> Picture:
    on_broker, unknown = await _read_broker(_named_broker(settings, named), key)
    if on_broker is None:
        raise CliError(f"the broker cannot be read: {unknown[0].why}")
    return _made(settings, key, on_broker, unknown)


def _named_broker(settings: ExplainSettings, named: str) -> Client:
    path = Path(named).expanduser()
    if path.is_file():
        return connect(path, settings.broker_context, name="broker")
    if settings.kubeconfig is not None or kubeconfig_files():
        return connect(settings.kubeconfig, named, name="broker")
    raise UsageError(f"--from: {named} is no file, and no kubeconfig is given that has such a context")


def _made(
    settings: ExplainSettings,
    key: ServiceKey,
    on_broker: tuple[OnBroker, ...] | None,
    unknown: Sequence[Unknown],
    **more: Any,
) -> Picture:
    assumed = Assumed(member_timeout_seconds=settings.member_timeout_seconds)
    now_seconds = SystemClock().now().timestamp()
    return Picture(key, now_seconds, broker=on_broker, unknown=tuple(unknown), assumed=assumed, **more)


async def _read_broker(
    broker: Client | str, key: ServiceKey
) -> tuple[tuple[OnBroker, ...] | None, Sequence[Unknown]]:
    """What it holds; a text says why there is no broker to ask."""
    if isinstance(broker, str):
        return None, [Unknown("what the broker holds", broker)]
    reading = Reading(broker, "on the broker")
    try:
        return await read_broker(reading, key), reading.unknown
    finally:
        await broker.close()


async def _broker_of(settings: ExplainSettings, local: Client) -> Client | str:
    """The broker, or why there is none to ask."""
    if settings.broker_kubeconfig is not None or settings.broker_context is not None:
        file = file_of_broker(settings.kubeconfig, settings.broker_kubeconfig, settings.broker_context)
        return connect(file, settings.broker_context, name="broker")
    found = await of_secret(local, settings.namespace)
    where = f"Secret {settings.namespace}/{SECRET}"
    if found.text:
        # It stands by itself: `of_secret` refuses one that names files or programs of another machine.
        return Client(load_kubeconfig_text(found.text), name="broker")
    if isinstance(found.fact, checks.Unknown):
        return f"{where} cannot be read: {found.fact.reason}; {_GIVE_BROKER}"
    return f"{found.problem or f'this cluster has no {where}'}; {_GIVE_BROKER}"

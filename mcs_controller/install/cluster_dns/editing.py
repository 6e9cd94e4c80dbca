"""Reads and writes the ConfigMaps of the cluster's DNS.

Before a text is changed for the first time it is kept in a ConfigMap beside it. Each write names the version
that was read, so that what somebody else wrote meanwhile is not lost.
"""

from collections.abc import Sequence
from typing import Any, Final

from mcs_controller.api.names import LABEL_MANAGED_BY, MANAGED_BY
from mcs_controller.api.resources import CONFIG_MAPS, SERVICES
from mcs_controller.install.cluster_dns.config_maps import ANNOTATION_INSERTED, NAMES, Edit
from mcs_controller.install.cluster_dns.errors import NotThere
from mcs_controller.kube.client import Client
from mcs_controller.kube.errors import NotFound

BACKUP: Final = "mcs-controller-dns-backup"

Read = dict[str, dict[str, Any]]


async def config_maps(client: Client, namespace: str) -> Read:
    """The ConfigMaps that configure a cluster's DNS, by name; those that are not there are left out."""
    found: Read = {}
    for name in NAMES:
        try:
            found[name] = await client.get(CONFIG_MAPS, name, namespace)
        except NotFound:
            continue
    return found


async def addresses_of(client: Client, namespace: str, name: str) -> tuple[str, ...]:
    """The cluster IPs of the DNS server's Service. Raises NotThere."""
    try:
        service = await client.get(SERVICES, name, namespace)
    except NotFound:
        raise NotThere(
            f"there is no Service {namespace}/{name} of our DNS servers: install them first, name another "
            "Service with --dns-service, or give addresses with --forward-to"
        ) from None
    spec = service.get("spec") or {}
    addresses = spec.get("clusterIPs") or [spec.get("clusterIP")]
    found = tuple(address for address in addresses if address and address != "None")
    if not found:
        raise NotThere(f"Service {namespace}/{name} has no cluster IP: give addresses with --forward-to")
    return found


async def keep(client: Client, namespace: str, edits: Sequence[Edit]) -> None:
    """Keep what the edits are about to change, unless an earlier edit kept it. Called before `write`."""
    texts = {_kept_as(edit): edit.before for edit in edits if edit.before is not None}
    if not texts:
        return
    try:
        kept = await client.get(CONFIG_MAPS, BACKUP, namespace)
    except NotFound:
        await client.create(CONFIG_MAPS, _config_map(BACKUP, namespace, texts))
        return
    # What was kept first is what was there before us: a later edit does not replace it.
    data = {**texts, **(kept.get("data") or {})}
    if data != kept.get("data"):
        await client.update(CONFIG_MAPS, {**kept, "data": data})


async def write(client: Client, namespace: str, found: Read, edits: Sequence[Edit]) -> None:
    """Write the edits; a ConfigMap of ours that has nothing left in it is deleted."""
    for edit in edits:
        body = found.get(edit.config_map)
        if body is None:
            made = _config_map(edit.config_map, namespace, {edit.key: edit.after or ""})
            await client.create(CONFIG_MAPS, made)
            continue
        edited = _edited(body, edit)
        if edited["data"] or (body["metadata"].get("labels") or {}).get(LABEL_MANAGED_BY) != MANAGED_BY:
            await client.update(CONFIG_MAPS, edited)
        else:
            await _delete(client, body)


async def forget(client: Client, namespace: str) -> bool:
    """Delete the kept texts if the very same are there again; whether nothing is kept any more.

    Whoever was interrupted before this finds nothing to edit, so only what is there now can tell.
    """
    try:
        kept = await client.get(CONFIG_MAPS, BACKUP, namespace)
    except NotFound:
        return True
    there = {
        f"{name}.{key}": text
        for name, body in (await config_maps(client, namespace)).items()
        for key, text in (body.get("data") or {}).items()
    }
    if any(there.get(name) != text for name, text in (kept.get("data") or {}).items()):
        return False
    await _delete(client, kept)
    return True


def kept_still(namespace: str) -> str:
    """What to tell where `forget` kept them."""
    return (
        f"ConfigMap {namespace}/{BACKUP} stays: it holds what was there before `dns install`, and that is "
        "not what is there now; compare, then delete it"
    )


async def _delete(client: Client, body: dict[str, Any]) -> None:
    metadata = body["metadata"]
    await client.delete(
        CONFIG_MAPS,
        metadata["name"],
        namespace=metadata["namespace"],
        uid=metadata["uid"],
        resource_version=metadata["resourceVersion"],
    )


def _kept_as(edit: Edit) -> str:
    return f"{edit.config_map}.{edit.key}"


def _edited(body: dict[str, Any], edit: Edit) -> dict[str, Any]:
    data = dict(body.get("data") or {})
    if edit.after is None:
        data.pop(edit.key, None)
    else:
        data[edit.key] = edit.after
    annotations = dict(body["metadata"].get("annotations") or {})
    if edit.inserted is not None:
        annotations.pop(ANNOTATION_INSERTED, None)
    if edit.inserted:
        annotations[ANNOTATION_INSERTED] = edit.inserted
    return {**body, "metadata": {**body["metadata"], "annotations": annotations}, "data": data}


def _config_map(name: str, namespace: str, data: dict[str, str]) -> dict[str, Any]:
    metadata = {"name": name, "namespace": namespace, "labels": {LABEL_MANAGED_BY: MANAGED_BY}}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data}

"""Which ConfigMaps configure the cluster's DNS, and what each of them must say.

| ConfigMap | of whom | key |
|---|---|---|
| coredns-custom | CoreDNS whose Corefile imports `custom/*.server`, as in k3s and AKS | one of ours |
| coredns | CoreDNS | Corefile |
| node-local-dns | NodeLocal DNSCache | Corefile |
| kube-dns | kube-dns | stubDomains |

Pure: ConfigMaps as the API server gave them in, edits out.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

from mcs_controller.install.cluster_dns.corefile import read_corefile
from mcs_controller.install.cluster_dns.errors import ClusterDnsError, NotThere
from mcs_controller.install.cluster_dns.stub import Stub, server_block, with_stub, without_stub
from mcs_controller.install.cluster_dns.stub_domains import with_stub_domain, without_stub_domain

COREDNS: Final = "coredns"
COREDNS_CUSTOM: Final = "coredns-custom"
NODE_LOCAL_DNS: Final = "node-local-dns"
KUBE_DNS: Final = "kube-dns"
NAMES: Final = (COREDNS, COREDNS_CUSTOM, NODE_LOCAL_DNS, KUBE_DNS)

COREFILE: Final = "Corefile"
STUB_DOMAINS: Final = "stubDomains"
CUSTOM_KEY: Final = "mcs-controller.server"
ANNOTATION_INSERTED: Final = "mcs-controller.io/stub-domain-inserted"
_CUSTOM_IMPORT: Final = "custom/*.server"

ConfigMaps = Mapping[str, Mapping[str, Any]]
"""Those of NAMES that there are, by name."""


@dataclass(frozen=True, slots=True)
class Edit:
    """What one key of a ConfigMap says and will say; None: it is not there."""

    config_map: str
    key: str
    before: str | None
    after: str | None
    reloaded: bool
    """Whether who reads it sees a change by itself."""
    inserted: str | None = None
    """What ANNOTATION_INSERTED will say, "" for nothing; None where it plays no part."""

    @property
    def changes(self) -> bool:
        """Whether anything is to be written."""
        return self.before != self.after


def installing(found: ConfigMaps, stub: Stub) -> list[Edit]:
    """How the zone is forwarded by all that answers names in this cluster; empty if nothing known does.

    Raises ClusterDnsError, which names the ConfigMap; nothing may be written then.
    """
    edits: list[Edit] = []
    if COREDNS in found:
        edits.append(_in_coredns(found, stub))
    elif KUBE_DNS in found:
        edits.append(_in_stub_domains(found, stub))
    if NODE_LOCAL_DNS in found:
        edits.append(_in_corefile(found, NODE_LOCAL_DNS, stub))
    return edits


def uninstalling(found: ConfigMaps, zone: str) -> list[Edit]:
    """How what `installing` added is removed, wherever it is. Raises ClusterDnsError."""
    edits: list[Edit] = []
    for name in (COREDNS, NODE_LOCAL_DNS):
        text = _data(found, name).get(COREFILE)
        if text is not None:
            with _naming(name, COREFILE):
                edits.append(Edit(name, COREFILE, text, without_stub(text), _reloads(text)))
    custom = _data(found, COREDNS_CUSTOM).get(CUSTOM_KEY)
    if custom is not None:
        reloaded = _reloads(_data(found, COREDNS).get(COREFILE, ""))
        edits.append(Edit(COREDNS_CUSTOM, CUSTOM_KEY, custom, None, reloaded))
    inserted = _inserted(found)
    if inserted:
        before = _data(found, KUBE_DNS).get(STUB_DOMAINS, "")
        with _naming(KUBE_DNS, STUB_DOMAINS):
            after = without_stub_domain(before, inserted, zone)
        edits.append(Edit(KUBE_DNS, STUB_DOMAINS, before, after or None, True, inserted=""))
    return edits


def _in_coredns(found: ConfigMaps, stub: Stub) -> Edit:
    text = _data(found, COREDNS).get(COREFILE, "")
    with _naming(COREDNS, COREFILE):
        corefile = read_corefile(text)
        # Such a Corefile is written anew with each update of the cluster; what it imports is the users'.
        if any(path.endswith(_CUSTOM_IMPORT) for path in corefile.imports):
            before = _data(found, COREDNS_CUSTOM).get(CUSTOM_KEY)
            return Edit(COREDNS_CUSTOM, CUSTOM_KEY, before, server_block(corefile, stub), _reloads(text))
    return _in_corefile(found, COREDNS, stub)


def _in_corefile(found: ConfigMaps, name: str, stub: Stub) -> Edit:
    text = _data(found, name).get(COREFILE)
    with _naming(name, COREFILE):
        if text is None:
            raise NotThere("it has no such key, so this is no CoreDNS that is known; nothing was changed")
        return Edit(name, COREFILE, text, with_stub(text, stub), _reloads(text))


def _in_stub_domains(found: ConfigMaps, stub: Stub) -> Edit:
    before = _data(found, KUBE_DNS).get(STUB_DOMAINS)
    with _naming(KUBE_DNS, STUB_DOMAINS):
        after = with_stub_domain(before or "", _inserted(found), stub)
    return Edit(KUBE_DNS, STUB_DOMAINS, before, after.text, True, after.inserted)


def _reloads(text: str) -> bool:
    return any(line[0] == "reload" for block in read_corefile(text).blocks for line in block.directives)


def _inserted(found: ConfigMaps) -> str:
    metadata = found.get(KUBE_DNS, {}).get("metadata", {})
    return str((metadata.get("annotations") or {}).get(ANNOTATION_INSERTED, ""))


def _data(found: ConfigMaps, name: str) -> Mapping[str, str]:
    data: Mapping[str, str] = found.get(name, {}).get("data") or {}
    return data


@contextmanager
def _naming(name: str, key: str) -> Iterator[None]:
    """What goes wrong in the block is said of this key of this ConfigMap."""
    try:
        yield
    except ClusterDnsError as error:
        error.add_place(f"ConfigMap {name}, {key}")
        raise

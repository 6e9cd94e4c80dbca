"""The options of the commands about ClusterProfiles and access to clusters, and of the credential plugins."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from mcs_controller.access.providers import DEFAULT_FILE
from mcs_controller.cli.shared_options import BrokerContext, Context
from mcs_controller.cli.values import (
    access_provider,
    cluster_manager,
    exec_config,
    member_server,
    namespace_name,
    proxy_url,
)
from mcs_controller.options import Option, one_of, switch

ClustersFormat = Literal["table", "wide", "json", "yaml"]

_HubKubeconfig = Annotated[
    Path | None,
    Option(
        "kubeconfig file of the hub, which has the inventory; without it, the service account of the pod "
        "that this runs in, or outside of one, what KUBECONFIG names",
        parse=Path,
        metavar="FILE",
    ),
]
_Inventory = Annotated[
    str,
    Option(
        "namespace of the inventory",
        parse=namespace_name,
        default="mcs-inventory",
        short="-n",
        metavar="NAME",
    ),
]


_ContextsOf = Annotated[
    Path | None,
    Option(
        "kubeconfig file of which --broker-context names a context, where --broker-kubeconfig is not given; "
        "without it, what KUBECONFIG names",
        parse=Path,
        metavar="FILE",
    ),
]
_Broker = Annotated[
    Path | None,
    Option(
        "kubeconfig file of the broker, with the rights of its administrator; needed unless --broker-context "
        "names a context of --kubeconfig",
        parse=Path,
        metavar="FILE",
    ),
]


@dataclass(frozen=True, slots=True)
class ClustersSettings:
    """`mcs-controller clusters`."""

    output: Annotated[
        ClustersFormat,
        Option(
            "table or wide (for people), or json or yaml, with the whole objects",
            parse=one_of("table", "wide", "json", "yaml"),
            default="table",
            short="-o",
        ),
    ]
    watch: Annotated[bool, Option("go on, and print each change", parse=switch, default="false", short="-w")]
    selector: Annotated[
        str | None,
        Option(
            "only clusters whose ClusterProfiles have such labels, as for kubectl: env=prod,region!=eu",
            short="-l",
            metavar="SELECTOR",
        ),
    ]
    namespace: _Inventory
    all_namespaces: Annotated[
        bool, Option("the inventories of all namespaces", parse=switch, default="false", short="-A")
    ]
    kubeconfig: _HubKubeconfig
    context: Context


@dataclass(frozen=True, slots=True)
class ClustersKubeconfigSettings:
    """`mcs-controller clusters kubeconfig NAME`."""

    clusterprofile_provider_file: Annotated[
        Path,
        Option(
            "the provider file: which programs hand out credentials here (JSON, KEP-5339)",
            parse=Path,
            metavar="FILE",
            default=DEFAULT_FILE,
        ),
    ]
    check: Annotated[
        bool,
        Option(
            "also run the plugin, and ask the cluster for its version with it", parse=switch, default="false"
        ),
    ]
    output_file: Annotated[
        Path | None,
        Option(
            "file for the kubeconfig, which only its owner can read; without it, it is printed",
            parse=Path,
            metavar="FILE",
        ),
    ]
    force: Annotated[bool, Option("replace the file if it exists", parse=switch, default="false")]
    namespace: _Inventory
    kubeconfig: _HubKubeconfig
    context: Context


@dataclass(frozen=True, slots=True)
class ClustersImportSettings:
    """`mcs-controller clusters import FILE`."""

    from_: Annotated[
        str,
        Option(
            "what the file has; the only value is cluster-registry: Clusters, and KubeFedClusters among them",
            parse=one_of("cluster-registry"),
            default="cluster-registry",
            metavar="REGISTRY",
        ),
    ]
    cluster_manager: Annotated[
        str,
        Option(
            "who manages the profiles from now on: a name that no other manager of the inventory has; it "
            "begins the profiles' names, too",
            parse=cluster_manager,
            metavar="NAME",
            default="imported",
        ),
    ]
    provider: Annotated[
        str,
        Option(
            "name of the access provider, by which consumers' provider files name their plugin",
            parse=access_provider,
            metavar="NAME",
            default="secretreader",
        ),
    ]
    namespace: _Inventory


@dataclass(frozen=True, slots=True)
class CredentialsSettings:
    """`mcs-controller credentials secretreader` and `kubeconfig-secretreader`."""

    kubeconfig: _HubKubeconfig
    context: Context


@dataclass(frozen=True, slots=True)
class SetAccessSettings:
    """`mcs-controller broker set-access MEMBER`."""

    provider: Annotated[
        str,
        Option(
            "name of the way, an access provider: consumers' provider files say which plugin has credentials "
            "for it",
            parse=access_provider,
            metavar="NAME",
            required=True,
        ),
    ]
    server: Annotated[
        str | None,
        Option(
            "where consumers reach the member's API server on this way",
            parse=member_server,
            metavar="URL",
        ),
    ]
    certificate_authority: Annotated[
        Path | None,
        Option(
            "PEM file with the CA of that server; without it, consumers trust what their system trusts",
            parse=Path,
            metavar="FILE",
        ),
    ]
    tls_server_name: Annotated[
        str | None,
        Option("the name that the server's certificate has, if it is not that of the URL", metavar="NAME"),
    ]
    proxy_url: Annotated[
        str | None, Option("proxy that consumers go through", parse=proxy_url, metavar="URL")
    ]
    insecure_skip_tls_verify: Annotated[
        bool,
        Option(
            "have consumers not check the server's certificate: whoever is in between gets their credentials",
            parse=switch,
            default="false",
        ),
    ]
    disable_compression: Annotated[
        bool, Option("have consumers ask for uncompressed answers", parse=switch, default="false")
    ]
    exec_config: Annotated[
        Mapping[str, Any] | None,
        Option(
            "what consumers' plugins are told, as a JSON object, such as a Secret's name; never a secret",
            parse=exec_config,
            metavar="JSON",
        ),
    ]
    remove: Annotated[bool, Option("take the way out again", parse=switch, default="false")]
    kubeconfig: _ContextsOf
    broker_kubeconfig: _Broker
    broker_context: BrokerContext

"""`mcs-controller clusters kubeconfig NAME`: by it kubectl reaches a cluster of the inventory.

Which plugin hands out the credential says the provider file; the kubeconfig names it, and kubectl runs it.
"""

import argparse
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from mcs_controller.access.connecting import connect as connect_to_cluster
from mcs_controller.access.connecting import plan
from mcs_controller.access.kubeconfigs import kubeconfig_of
from mcs_controller.access.providers import Providers, read_provider_file
from mcs_controller.cli.clusters_settings import ClustersKubeconfigSettings
from mcs_controller.cli.connecting import connect
from mcs_controller.cli.errors import CliError
from mcs_controller.cli.installing import say
from mcs_controller.cli.inventory_reading import profiles_resource
from mcs_controller.cli.options import add_options, read_argument, read_options
from mcs_controller.cli.output import as_document, check_may_write, write_private
from mcs_controller.cli.refusals import told_refusals
from mcs_controller.cli.values import profile_name
from mcs_controller.clusterset.errors import cut
from mcs_controller.kube.client import Client, JsonObject
from mcs_controller.kube.errors import Forbidden, KubeError, Unauthorized
from mcs_controller.kube.lookup import find

_UNKNOWN_MAX: Final = 5
"""Keys of the provider file that one line names."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The profile's name, and the command's options."""
    parser.add_argument("name", metavar="NAME", help="the name of the ClusterProfile, as `clusters` lists it")
    add_options(parser, ClustersKubeconfigSettings, inherited=("kubeconfig", "context", "namespace"))


async def run(arguments: argparse.Namespace) -> int:
    """Print it, or write the file. Raises `CliError`, `AccessError`, `KubeError`."""
    settings = read_options(ClustersKubeconfigSettings, arguments, os.environ)
    name = read_argument(profile_name, arguments.name)
    providers = read_provider_file(settings.clusterprofile_provider_file)
    if providers.unknown:
        unknown = ", ".join(providers.unknown[:_UNKNOWN_MAX])
        say(
            f"warning: {settings.clusterprofile_provider_file} has unknown keys, which are ignored: {unknown}"
        )
    if settings.output_file is not None:
        check_may_write(settings.output_file, force=settings.force)
    client = connect(settings.kubeconfig, settings.context, name="hub")
    try:
        may = f"get the ClusterProfile {settings.namespace}/{name}"
        with told_refusals(settings.kubeconfig, may, "have the hub's administrator grant it"):
            resource = await profiles_resource(client)
            profile = await find(client, resource, name, settings.namespace)
    finally:
        await client.close()
    if profile is None:
        raise CliError(
            f"there is no ClusterProfile {settings.namespace}/{name}: `{arguments.program} clusters "
            f"--namespace {settings.namespace}` lists those that are there"
        )
    made = kubeconfig_of(profile, providers)
    text = as_document("yaml", made)
    for note in _notes(made["users"][0]["user"]["exec"]):
        say(f"note: {note}: a full path in the provider file always works on this machine")
    if settings.check:
        await _check(profile, providers)
    if settings.output_file is None:
        print(text)
    else:
        write_private(settings.output_file, f"{text}\n", force=settings.force)
        say(f"{settings.output_file}: for cluster {name}")
    return 0


def _notes(runs: Mapping[str, Any]) -> Iterator[str]:
    """What of the plugin depends on where the kubeconfig is used; other arguments than ours say nothing."""
    command, arguments = runs["command"], runs["args"]
    if os.sep not in command:
        yield f"whoever uses the kubeconfig needs {cut(command, 80)} in PATH"
    if arguments[:1] != ["credentials"]:
        return
    for flag, value in zip(arguments, [*arguments[1:], ""], strict=True):
        name, given, inline = flag.partition("=")
        file = inline if given else value
        if name == "--kubeconfig" and file and not Path(file).is_absolute():
            yield f"the plugin looks for {cut(file, 80)} in the folder where the kubeconfig is used"


async def _check(profile: JsonObject, providers: Providers) -> None:
    """Ask the cluster who is there, as a consumer would. Raises `CliError`, `AccessError`."""
    name = profile["metadata"]["name"]
    client = Client(connect_to_cluster(profile, providers), name=name)
    try:
        version = str(
            (await client.get_raw("/version")).get("gitVersion") or "of a version that it does not say"
        )
    except KubeError as error:
        provider = plan(profile, providers)[0].name
        raise CliError(f"cluster {name} cannot be reached: {error}{_advice(error, provider)}") from error
    finally:
        await client.close()
    say(f"cluster {name} answers: Kubernetes {cut(version, 64)}")


def _advice(error: KubeError, provider: str) -> str:
    """What to do about it, "" where the error's own text says so."""
    if isinstance(error, Unauthorized):
        return (
            f": it does not accept the credential that the plugin of access provider {provider} handed out; "
            "renew it, such as in the Secret that the plugin reads"
        )
    if isinstance(error, Forbidden):
        return f": give the user of access provider {provider} rights in that cluster"
    if "certificate is not trusted" in str(error):
        return (
            f": its ClusterProfile needs the right CA for access provider {provider} (`broker set-access "
            "--certificate-authority`)"
        )
    return ""

"""`mcs-controller clusters import FILE|-`: clusters of an old registry as ClusterProfiles, in YAML on stdout.

It asks no API server. All objects are read before anything is printed: of a file with some that cannot be
converted, all these are named, and nothing is printed, so that a pipe to kubectl does not take half of it.
"""

import argparse
import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, NoReturn

from mcs_controller.access.errors import UnusableRegistration
from mcs_controller.access.registries import cluster_registry, kubefed
from mcs_controller.access.registries.importing import Registration, Target, profile_of
from mcs_controller.cli.clusters_settings import ClustersImportSettings
from mcs_controller.cli.errors import CliError, one_line
from mcs_controller.cli.installing import say
from mcs_controller.cli.manifest_files import objects_in
from mcs_controller.cli.options import add_options, read_options
from mcs_controller.cli.output import as_manifests
from mcs_controller.clusterset.errors import MalformedObject, cut
from mcs_controller.kube.clock import SystemClock, rfc3339

_READERS: Final[dict[tuple[str, str], Callable[[Mapping[str, Any], Target], Registration]]] = {
    (cluster_registry.API_VERSION, cluster_registry.KIND): cluster_registry.read_cluster,
    (kubefed.API_VERSION, kubefed.KIND): kubefed.read_kubefed_cluster,
}
_REFUSED_MAX: Final = 20
"""Objects that cannot be converted, of which it is said why."""
_KINDS: Final = " or ".join(f"{kind} ({version})" for version, kind in _READERS)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The file, and the command's options."""
    parser.add_argument(
        "file",
        metavar="FILE",
        help="YAML or JSON with the objects, as `kubectl get -o yaml` prints them; - is standard input",
    )
    add_options(parser, ClustersImportSettings, inherited=("namespace",))


def run(arguments: argparse.Namespace) -> int:
    """Print the profiles. Raises `CliError`, `AccessError`."""
    settings = read_options(ClustersImportSettings, arguments, os.environ)
    target = Target(
        settings.cluster_manager, settings.provider, settings.namespace, rfc3339(SystemClock().now())
    )
    profiles: dict[str, dict[str, Any]] = {}
    notes: list[str] = []
    refused: list[Exception] = []
    for body in objects_in(arguments.file):
        try:
            found = _read(body, target)
            profile = profile_of(found, target)
            _check_is_new(found, profile, profiles)
        except (UnusableRegistration, CliError) as error:
            refused.append(error)
            continue
        profiles[profile["metadata"]["name"]] = profile
        notes += [f"{found.kind} {found.name}: {note}" for note in found.notes]
    if refused:
        _refuse(refused)
    if not profiles:
        raise CliError(f"{arguments.file} has no objects: give it {_KINDS}")
    for note in notes:
        say(note)
    print(as_manifests(list(profiles.values())))
    say(
        "next, on the hub, with this in FILE: kubectl apply -f FILE, and then "
        "kubectl apply --server-side --subresource=status -f FILE"
    )
    return 0


def _check_is_new(found: Registration, profile: Mapping[str, Any], profiles: Mapping[str, object]) -> None:
    if profile["metadata"]["name"] in profiles:
        raise CliError(
            f"two clusters of the file are named {found.name}: import one namespace at a time, each with "
            "a --cluster-manager of its own"
        )


def _refuse(refused: Sequence[Exception]) -> NoReturn:
    """Say each that cannot be converted. Raises the last one's error, or one that sums up."""
    if len(refused) == 1:
        raise refused[0]
    for error in refused[:_REFUSED_MAX]:
        say(one_line(error))
    raise CliError(f"{len(refused)} objects cannot be converted, nothing is printed: correct or remove them")


def _read(body: Mapping[str, Any], target: Target) -> Registration:
    metadata = body.get("metadata")
    version, kind = _word(body.get("apiVersion")), _word(body.get("kind"))
    name = _word(metadata.get("name")) if isinstance(metadata, dict) else ""
    reader = _READERS.get((version, kind))
    if reader is None:
        raise UnusableRegistration(f"{cut(kind, 80)} {cut(name, 80)} ({cut(version, 80)}) is not {_KINDS}")
    try:
        return reader(body, target)
    except MalformedObject as error:
        raise UnusableRegistration(f"{kind} {cut(name, 80)}: {error}") from error


def _word(value: object) -> str:
    """A text; anything else may be long beyond measure when written out, by aliases."""
    return value if isinstance(value, str) else ""

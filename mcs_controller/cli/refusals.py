"""An API server refuses (401, 403): whose credential that was, and what to do."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mcs_controller.cli.connecting import kubeconfig_files
from mcs_controller.cli.errors import CliError
from mcs_controller.kube.errors import Forbidden, Unauthorized


@contextmanager
def told_refusals(kubeconfig: Path | None, what: str, advice: str) -> Iterator[None]:
    """Where the hub refuses: the credential's source, what it may not do, and the advice.

    `kubeconfig` is the option's value, as `connect` is given it. Raises `CliError` for a refusal.
    """
    try:
        yield
    except Unauthorized as error:
        raise CliError(
            f"the hub does not accept the credential of {_source(kubeconfig)} (401 {error.reason}): renew "
            "it, or name another kubeconfig with --kubeconfig"
        ) from error
    except Forbidden as error:
        raise CliError(
            f"the credential of {_source(kubeconfig)} gives no right to {what}: {advice} ({error.message})"
        ) from error


def _source(kubeconfig: Path | None) -> str:
    files = [kubeconfig] if kubeconfig is not None else kubeconfig_files()
    return ", ".join(map(str, files)) or "the pod's service account"

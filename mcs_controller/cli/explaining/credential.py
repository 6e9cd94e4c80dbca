"""The broker as the agent of a cluster reaches it: with the kubeconfig in the cluster's own Secret.

Whoever may read that Secret may use what is in it. It must stand by itself: a kubeconfig that names files or
programs of another machine is not used, and no program that it names is run.
"""

import tempfile
from base64 import b64decode
from binascii import Error as Base64Error
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mcs_controller.api.resources import SECRETS
from mcs_controller.cli.errors import CliError
from mcs_controller.cli.output import write_private
from mcs_controller.clusterset.fields import child
from mcs_controller.install.errors import UnusableKubeconfig
from mcs_controller.install.kubeconfigs import read_member_kubeconfig
from mcs_controller.install.objects import SECRET, SECRET_KEY
from mcs_controller.kube.client import Client
from mcs_controller.kube.errors import KubeError, NotFound


class NoCredential(CliError):
    """The text says why the broker cannot be asked with the agent's credential."""


@contextmanager
def as_file(kubeconfig: str) -> Iterator[Path]:
    """A file that only this user can read, until the block ends."""
    with tempfile.TemporaryDirectory(prefix="mcs-explain-") as folder:
        path = Path(folder) / "broker.kubeconfig"
        write_private(path, kubeconfig, force=False)
        yield path


async def kubeconfig_of_agent(local: Client, namespace: str) -> str:
    """The text of the kubeconfig that the agent of the cluster uses. Raises `NoCredential`."""
    where = f"Secret {namespace}/{SECRET}"
    try:
        body = await local.get(SECRETS, SECRET, namespace)
        text = b64decode(str(child(body, "data").get(SECRET_KEY) or "")).decode()
        return read_member_kubeconfig(text).text
    except NotFound:
        raise NoCredential(f"this cluster has no {where}") from None
    except KubeError as error:
        raise NoCredential(f"{where} cannot be read: {error}") from error
    except (UnusableKubeconfig, Base64Error, UnicodeDecodeError) as error:
        raise NoCredential(f"the kubeconfig in {where} cannot be used here: {error}") from error

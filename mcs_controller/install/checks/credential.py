"""The member's own credential for the broker: the one with which its agent works."""

from base64 import b64decode
from binascii import Error as Base64Error
from dataclasses import dataclass, field

from mcs_controller.api.resources import SECRETS
from mcs_controller.install.checks.facts import Credential
from mcs_controller.install.checks.model import Unknown
from mcs_controller.install.checks.reading import known
from mcs_controller.install.errors import UnusableKubeconfig
from mcs_controller.install.kubeconfigs import MemberKubeconfig, read_member_kubeconfig
from mcs_controller.install.objects import SECRET, SECRET_KEY
from mcs_controller.kube.client import Client
from mcs_controller.kube.connection.lifetime import lifetime_of
from mcs_controller.kube.lookup import find


@dataclass(frozen=True, slots=True)
class OwnCredential:
    """What was found; `text` is the kubeconfig, "" if none can be used, and `problem` says why not."""

    fact: Credential | Unknown | None
    text: str = field(default="", repr=False)
    problem: str = ""


async def of_secret(client: Client, namespace: str) -> OwnCredential:
    """The one that `join` has put into the cluster."""
    secret = await known(find(client, SECRETS, SECRET, namespace))
    if secret is None or isinstance(secret, Unknown):
        return OwnCredential(secret)
    source = f"Secret {namespace}/{SECRET}"
    data = (secret.get("data") or {}).get(SECRET_KEY)
    if not data:
        return OwnCredential(None, problem=f"{source} has no key {SECRET_KEY}")
    try:
        return of_text(b64decode(data).decode(), source)
    except (Base64Error, UnicodeDecodeError):
        return OwnCredential(None, problem=f"{source}, key {SECRET_KEY}, is not text")


def of_text(text: str, source: str, context: str | None = None) -> OwnCredential:
    """The one in a kubeconfig."""
    try:
        found = read_member_kubeconfig(text, context)
    except UnusableKubeconfig as error:
        return OwnCredential(None, problem=f"{source}: {error}")
    return OwnCredential(_fact(found, source), found.text)


def _fact(found: MemberKubeconfig, source: str) -> Credential:
    return Credential(source, found.cluster_id, found.server, lifetime_of(found.token))

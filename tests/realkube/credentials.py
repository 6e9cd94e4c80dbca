"""Who may speak to a control plane: static-token users, their kubeconfigs, the service-account key.

A real API server reads its token file only when it starts, so users are declared up front; what
they may do is RBAC objects, which a test can change at any time.
"""

from __future__ import annotations

import base64
import json
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from tests.support.kubeconfigs import kubeconfig

# RFC 5915 ECPrivateKey around the raw scalar: SEQUENCE { 1, OCTET STRING (32), [0] prime256v1 }.
_EC_KEY_HEAD = bytes.fromhex("30310201010420")
_EC_KEY_TAIL = bytes.fromhex("a00a06082a8648ce3d030107")


@dataclass(frozen=True, slots=True)
class Credential:
    user: str
    token: str
    groups: tuple[str, ...] = ()


def new_credential(user: str, *groups: str) -> Credential:
    return Credential(user, secrets.token_hex(16), groups)


def write_token_file(path: Path, credentials: Iterable[Credential]) -> None:
    lines = (f'{one.token},{one.user},{one.user},"{",".join(one.groups)}"\n' for one in credentials)
    _write_private(path, "".join(lines))


def write_service_account_key(path: Path) -> None:
    """A P-256 private key; its public half follows from it, so the API server needs no second file."""
    # 31 random bytes below a zero byte: surely less than the order of the curve, and 248 bits.
    scalar = b"\0" + secrets.token_bytes(31)
    encoded = base64.encodebytes(_EC_KEY_HEAD + scalar + _EC_KEY_TAIL).decode()
    label = "EC PRIVATE KEY"
    _write_private(path, f"-----BEGIN {label}-----\n{encoded}-----END {label}-----\n")


def write_kubeconfig(path: Path, *, url: str, ca_file: Path, token: str) -> None:
    """As JSON, which is YAML too; the CA goes inside, so that the file can be handed around alone."""
    authority = base64.b64encode(ca_file.read_bytes()).decode()
    config = kubeconfig(url, cluster={"certificate-authority-data": authority}, user={"token": token})
    _write_private(path, json.dumps(config, indent=1))


def _write_private(path: Path, text: str) -> None:
    """Whole or not at all: another process may be reading the previous one."""
    staged = path.with_name(f".{path.name}")
    staged.touch(mode=0o600)
    staged.write_text(text)
    staged.replace(path)

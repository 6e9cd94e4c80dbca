"""The TLS side of a connection: whom we trust, and the certificate that we show.

Settings hold PEM data or the files it comes from; files may be replaced while we run (a rotated CA, a
renewed client certificate), so `stamp` tells when a context has to be built again. Keys are never written
to disk and never appear in a repr or an error.
"""

import os
import ssl
from dataclasses import dataclass, field
from pathlib import Path

from mcs_controller.kube.errors import ConfigError

Pem = bytes | Path
"""PEM data, or the file that holds it."""


@dataclass(frozen=True, slots=True)
class TlsSettings:
    """`ca` None means the system's; `server_name` is what the server's certificate must name."""

    ca: Pem | None = field(default=None, repr=False)
    certificate: Pem | None = field(default=None, repr=False)
    key: Pem | None = field(default=None, repr=False)
    insecure: bool = False
    server_name: str | None = None

    def stamp(self) -> tuple[int, ...]:
        """Changes when one of the files does; a file that is missing for a moment counts as unchanged."""
        stamps = []
        for source in (self.ca, self.certificate, self.key):
            if isinstance(source, Path):
                try:
                    status = os.stat(source)
                except OSError:
                    return ()
                stamps += [status.st_mtime_ns, status.st_ino]
        return tuple(stamps)

    def context(self, certificate: tuple[bytes, bytes] | None = None) -> ssl.SSLContext:
        """A new context; `certificate` (with its key) is shown in place of the settings' own."""
        try:
            cadata = None if self.ca is None else _read(self.ca, "CA").decode("ascii")
            if cadata == "":
                # As of a file that is just being written. The library would trust all that the system trusts.
                raise ValueError("empty")
            context = ssl.create_default_context(cadata=cadata)
        except (ssl.SSLError, ValueError) as error:
            raise ConfigError(f"the CA certificate {_name(self.ca)} is no PEM certificate") from error
        # Clusters' own CAs often lack key identifiers; Go does not ask for them either.
        context.verify_flags &= ~ssl.VERIFY_X509_STRICT
        if self.insecure:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        if certificate is None and self.certificate is not None:
            if self.key is None:
                raise ConfigError("a client certificate is given without its client key")
            certificate = (
                _read(self.certificate, "client certificate"),
                _read(self.key, "client key"),
            )
        if certificate is not None:
            _show(context, *certificate)
        return context


def _read(source: Pem, what: str) -> bytes:
    if isinstance(source, bytes):
        return source
    try:
        return source.read_bytes()
    except OSError as error:
        raise ConfigError(
            f"the {what} file {source} cannot be read: {error.strerror}: give the path of a PEM file"
        ) from error


def _name(source: Pem | None) -> str:
    return str(source) if isinstance(source, Path) else "in the kubeconfig"


def _show(context: ssl.SSLContext, certificate: bytes, key: bytes) -> None:
    # OpenSSL reads only from a file: one in memory leaves no key on a disk, and works where none is writable.
    descriptor = os.memfd_create("client-certificate", os.MFD_CLOEXEC)
    try:
        with open(descriptor, "wb", closefd=False) as file:
            file.write(certificate + b"\n" + key)
        context.load_cert_chain(f"/proc/self/fd/{descriptor}")
    except ssl.SSLError as error:
        raise ConfigError("the client certificate and key are no matching pair in PEM") from error
    finally:
        os.close(descriptor)

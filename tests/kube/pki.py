"""Throw-away certificates for TLS tests, made by the `openssl` command."""

import ssl
import subprocess
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Pki:
    """A CA, a server certificate for 127.0.0.1 and `apiserver.test`, and a client certificate."""

    folder: Path

    def path(self, name: str) -> Path:
        return self.folder / name

    def data(self, name: str) -> bytes:
        return self.path(name).read_bytes()

    def server_context(self, *, ask_client: bool = False) -> ssl.SSLContext:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=str(self.path("ca.crt")))
        # Certificates without key identifiers, as many clusters have them; Go does not ask for them either.
        context.verify_flags &= ~ssl.VERIFY_X509_STRICT
        context.load_cert_chain(self.path("server.crt"), self.path("server.key"))
        if ask_client:
            context.verify_mode = ssl.CERT_OPTIONAL
        return context


def make_pki(folder: Path) -> Pki:
    def openssl(*arguments: str) -> None:
        subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True)

    key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2")
    openssl("req", "-x509", *key, "-subj", "/CN=test-ca", "-keyout", "ca.key", "-out", "ca.crt")
    openssl("req", "-x509", *key, "-subj", "/CN=other-ca", "-keyout", "other.key", "-out", "other.crt")
    for name, extension in (
        ("server", "subjectAltName=IP:127.0.0.1,DNS:apiserver.test"),
        ("client", "extendedKeyUsage=clientAuth"),
    ):
        (folder / "extensions").write_text(extension)
        openssl("req", "-new", *key[:-2], "-subj", f"/CN={name}", "-keyout", f"{name}.key", "-out", "csr")
        openssl(
            *("x509", "-req", "-in", "csr", "-CA", "ca.crt", "-CAkey", "ca.key", "-set_serial", "7"),
            *("-days", "2", "-extfile", "extensions", "-out", f"{name}.crt"),
        )
    return Pki(folder)

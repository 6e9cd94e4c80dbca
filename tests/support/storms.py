"""An API server behind a reverse proxy that has storms: refusals, slow answers, answers that are lost.

    with Storms() as storms:
        front = storms.before(plane.url, plane.ca_file)
        front.set(Storm(share=0.5, verbs=WRITES, status=409))

A program is given `front.url` in place of the server's, plain HTTP unless a certificate is shown, with its
own credential. Watches pass unless a storm names them. The proxies of one `Storms` live in a process of their
own (`storm_process.py`).
"""

from __future__ import annotations

import subprocess
from collections import Counter
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final, Self

from tests.support.side_process import SideProcess

READS: Final = ("get", "list")
WRITES: Final = ("create", "update", "patch", "delete")
ALL: Final = (*READS, *WRITES)


@dataclass(frozen=True, slots=True)
class Storm:
    """What befalls a `share` of the requests of these verbs."""

    share: float
    verbs: tuple[str, ...] = ALL
    status: int | None = None
    """Answered in place of the server, which does not hear of the request."""

    retry_after_seconds: int | None = None
    """What such an answer asks for."""

    delay_seconds: float = 0.0
    """How much later the request goes on, or is answered."""

    lost: bool = False
    """The server answers, after it has written what it was to write, and the connection breaks instead."""


class Certificate:
    """A new one for 127.0.0.1, signed by itself as a fresh API server's is: `ca` is what trusts it."""

    def __init__(self, folder: Path, name: str) -> None:
        self.file, self.key = folder / f"{name}.crt", folder / f"{name}.key"
        curve = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1")
        key = (*curve, "-nodes", "-keyout", str(self.key))
        named = ("-subj", f"/CN={name}", "-addext", "subjectAltName=IP:127.0.0.1", "-days", "2")
        subprocess.run(
            ["openssl", "req", "-x509", *key, *named, "-out", str(self.file)], check=True, capture_output=True
        )

    @property
    def ca(self) -> str:
        return self.file.read_text()


class Front:
    """The proxy before one API server; `url` stands for the server's."""

    def __init__(self, process: SideProcess, number: int, url: str) -> None:
        self.url = url
        self._process = process
        self._number = number

    def show(self, certificate: Certificate) -> None:
        """Start again, by TLS: all connections end, and new ones are shown this certificate."""
        files = {"certificate": str(certificate.file), "key": str(certificate.key)}
        self._process.order("show", number=self._number, **files)
        self.url = self.url.replace("http:", "https:")

    def set(self, *storms: Storm) -> None:
        """From now on these; a request suffers the first that strikes it. None: all pass."""
        self._process.order("set", number=self._number, storms=[asdict(storm) for storm in storms])

    def struck(self) -> Counter[str]:
        """How many requests suffered, by verb."""
        return Counter(self._process.order("struck", number=self._number))


class Storms:
    """A context manager: inside it there are proxies."""

    def __init__(self) -> None:
        self._process = SideProcess("tests.support.storm_process")

    def before(self, url: str, ca_file: Path | None = None) -> Front:
        """A new proxy before the API server at `url`; all passes."""
        ca = None if ca_file is None else str(ca_file)
        opened = self._process.order("open", url=url, ca=ca)
        return Front(self._process, opened["number"], f"http://127.0.0.1:{opened['port']}")

    def start(self) -> Self:
        self._process.start()
        return self

    def stop(self) -> None:
        self._process.stop()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

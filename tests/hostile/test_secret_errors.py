"""No error of a connection, nor its traceback, tells a credential: bad kubeconfigs, proxies, TLS."""

from __future__ import annotations

import asyncio
import base64
import io
import logging
import traceback
from collections.abc import Iterator
from pathlib import Path

import pytest

from mcs_controller.api.resources import SERVICES
from mcs_controller.kube.client import Client
from mcs_controller.kube.connection.config import load_kubeconfig
from mcs_controller.kube.connection.transport import Transport
from mcs_controller.kube.errors import ConfigError, KubeError
from mcs_controller.observe.logging import configure_logging
from tests.kube.http_servers import serving, serving_bytes
from tests.kube.pki import Pki, make_pki
from tests.support.kubeconfigs import NOBODY_LISTENS, Json, kubeconfig, write

CANARY = "cAnary0token1xyz"
PASSWORD = "c&nary pass/word"
OF_PROXY = "c%26nary%20pass%2Fword"


@pytest.fixture(scope="module")
def pki(tmp_path_factory: pytest.TempPathFactory) -> Pki:
    return make_pki(tmp_path_factory.mktemp("pki"))


@pytest.fixture
def log() -> Iterator[io.StringIO]:
    """Everything that is logged, as a process writes it, at debug level."""
    root, own = logging.getLogger(), logging.getLogger("mcs_controller")
    before = root.handlers[:], root.level, own.level
    stream = io.StringIO()
    configure_logging("debug", stream=stream)
    yield stream
    logging.captureWarnings(False)
    root.handlers[:], root.level, own.level = before


def told(error: BaseException) -> str:
    return f"{error!r} {''.join(traceback.format_exception(error))}"


def nothing_of(secret: str, text: str) -> bool:
    encoded = base64.b64encode(secret.encode()).decode().rstrip("=")
    return all(one not in text for one in (secret, secret[:10], encoded))


BROKEN: dict[str, Json | str] = {
    "token with a blank": kubeconfig(user={"token": f"{CANARY} {CANARY}"}),
    "token that is a list": kubeconfig(user={"token": [CANARY]}),
    "user that is text": kubeconfig(users=[{"name": "u", "user": CANARY}]),
    "users that are text": kubeconfig(users=CANARY),
    "key that is no key": kubeconfig(
        "https://broker",
        user={
            "client-certificate-data": base64.b64encode(b"no certificate").decode(),
            "client-key-data": base64.b64encode(CANARY.encode()).decode(),
        },
    ),
    "key that is not base64": kubeconfig(
        "https://broker", user={"client-certificate-data": "AAAA", "client-key-data": f"{CANARY}!"}
    ),
    "server with a password": kubeconfig(f"https://east:{CANARY}@broker"),
    "server with a password and no port": kubeconfig(f"https://east:{CANARY}@broker:port"),
    "proxy that is no URL": kubeconfig(cluster={"proxy-url": f"http://east:{CANARY}@[broker"}),
    "proxy of another kind": kubeconfig(cluster={"proxy-url": f"socks5://east:{CANARY}@broker"}),
    "plugin that is not there": kubeconfig(
        user={
            "exec": {
                "command": "no-such-login",
                "args": ["--password", CANARY],
                "env": [{"name": "PASSWORD", "value": CANARY}],
                "apiVersion": "client.authentication.k8s.io/v1",
            }
        }
    ),
    "YAML that ends in a token": f"users:\n- user:\n    token: '{CANARY}\nclusters: []\n",
    "YAML with a tab before a token": f"users:\n- user:\n\ttoken: {CANARY}\n",
}


@pytest.mark.parametrize("content", BROKEN.values(), ids=BROKEN.keys())
async def test_no_error_about_a_kubeconfig_quotes_its_credential(
    content: Json | str, tmp_path: Path, log: io.StringIO
) -> None:
    path = write(tmp_path, "broken.yaml", content)
    with pytest.raises((ConfigError, KubeError)) as refused:
        await ask(load_kubeconfig(path))

    logging.getLogger("mcs_controller.x").error("it failed", exc_info=refused.value)
    assert nothing_of(CANARY, str(refused.value))
    assert nothing_of(CANARY, repr(refused.value))
    assert nothing_of(CANARY, log.getvalue())


async def ask(transport: Transport) -> None:
    client = Client(transport, name="broker")
    try:
        await client.list(SERVICES)
    finally:
        await client.close()


@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize("answer", ["407", "no HTTP", "closes"])
async def test_no_error_of_a_proxy_repeats_its_password(
    scheme: str, answer: str, tmp_path: Path, log: io.StringIO
) -> None:
    pair = base64.b64encode(f"east:{PASSWORD}".encode()).decode()
    said = f"wrong password {PASSWORD} in {pair} of http://east:{OF_PROXY}@proxy"

    async def talk(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if answer == "407":
            writer.write(f"HTTP/1.1 407 {said}\r\ncontent-length: {len(said)}\r\n\r\n{said}".encode())
        elif answer == "no HTTP":
            writer.write(f"{said}\r\n\r\n".encode())

    async with serving_bytes(talk) as proxy:
        url = proxy.replace("://", f"://east:{OF_PROXY}@")
        server = NOBODY_LISTENS.replace("http:", f"{scheme}:")
        config = kubeconfig(server, cluster={"proxy-url": url})
        with pytest.raises(KubeError) as failed:
            await ask(load_kubeconfig(write(tmp_path, "proxy.yaml", config)))

    logging.getLogger("mcs_controller.x").error("it failed", exc_info=failed.value)
    for secret in (PASSWORD, OF_PROXY, pair):
        assert nothing_of(secret, str(failed.value))
        assert nothing_of(secret, log.getvalue())


async def test_no_error_of_tls_tells_the_clients_key(pki: Pki, tmp_path: Path, log: io.StringIO) -> None:
    async def never(request: object) -> None:
        raise AssertionError(request)

    key = pki.data("client.key").decode()
    user = {
        "client-certificate": str(pki.path("client.crt")),
        "client-key-data": base64.b64encode(key.encode()).decode(),
        "token": CANARY,
    }
    async with serving(never, pki.server_context(ask_client=True)) as server:  # type: ignore[arg-type]
        cluster = {"certificate-authority": str(pki.path("other.crt"))}
        config = kubeconfig(server, cluster=cluster, user=user)
        with pytest.raises(KubeError, match="certificate") as failed:
            await ask(load_kubeconfig(write(tmp_path, "tls.yaml", config)))

    logging.getLogger("mcs_controller.x").error("it failed", exc_info=failed.value)
    for line in key.splitlines()[1:-1]:
        assert nothing_of(line, f"{told(failed.value)} {log.getvalue()}")
    assert nothing_of(CANARY, f"{told(failed.value)} {log.getvalue()}")

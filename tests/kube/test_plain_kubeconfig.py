"""The short way from a kubeconfig to an access: it says what the exact way says, or leaves it to that."""

import base64
import copy
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mcs_controller.kube.connection.kubeconfig import settings_of_kubeconfig
from mcs_controller.kube.connection.plain_kubeconfig import plain_settings
from mcs_controller.kube.connection.settings import ConnectionSettings
from mcs_controller.kube.errors import ConfigError
from tests.kube.pki import Pki

Json = dict[str, Any]

FOLDER = Path("/etc/mcs")
SECRET = "s3cret-token"
EXEC = {"command": sys.executable, "apiVersion": "client.authentication.k8s.io/v1"}


def config(cluster: Json, user: Any) -> Json:
    return {
        "current-context": "east",
        "contexts": [{"name": "east", "context": {"cluster": "c", "user": "u", "namespace": "n"}}],
        "clusters": [{"name": "c", "cluster": {"server": "https://east:6443", **cluster}}],
        "users": [{"name": "u", "user": user}],
    }


def said_by(access: ConnectionSettings) -> Any:
    """All that is in it; credentials compare by identity only."""
    return access._replace(credential=(type(access.credential), vars(access.credential)))  # type: ignore[arg-type]


def exact(raw: Mapping[str, Any], context: str | None) -> Any:
    """What the exact way says; None when that is a complaint."""
    try:
        return said_by(settings_of_kubeconfig(raw, context, FOLDER))
    except ConfigError as error:
        complaint = str(error)
    assert SECRET not in complaint
    return None


def agree(raw: Mapping[str, Any], context: str | None) -> bool:
    """True if the short way said something: then, that it is the exact way's word."""
    short = plain_settings(raw, context, FOLDER)
    told = exact(raw, context)
    assert short is None or said_by(short) == told
    return short is not None


def some(fields: dict[str, st.SearchStrategy[Any]]) -> st.SearchStrategy[Json]:
    return st.fixed_dictionaries({}, optional=fields)


PATHS = st.sampled_from(["ca.crt", "../pki/x.pem", "/abs/x.pem", "with space", ""])
BASE64 = st.one_of(st.binary(max_size=9).map(lambda data: base64.b64encode(data).decode()), st.none())
TLS_NAMES = st.sampled_from(["east.test", "", None])
URLS = st.sampled_from(["https://east:6443", "https://east/", "http://[fd00::1]:80//", "not a URL"])
PLAIN_CLUSTERS = st.builds(
    lambda server, rest: {"server": server, **rest},
    URLS,
    some(
        {
            "certificate-authority": PATHS,
            "certificate-authority-data": BASE64,
            "insecure-skip-tls-verify": st.booleans(),
            "disable-compression": st.booleans(),
            "tls-server-name": TLS_NAMES,
            "proxy-url": st.sampled_from(["http://proxy:3128", "socks5://proxy", "", None]),
            "extensions": st.just([{"name": "x", "extension": {}}]),
        }
    ),
)
PLAIN_USERS = some(
    {
        "client-certificate": PATHS,
        "client-certificate-data": BASE64,
        "client-key": PATHS,
        "client-key-data": BASE64,
        "tokenFile": PATHS,
        "token": st.sampled_from([SECRET, f" {SECRET}\n", "", None]),
    }
)

NAMES = ["a", "b"]


@st.composite
def plain_configs(draw: st.DrawFn) -> Json:
    """Kubeconfigs with a context for each cluster and each user, and one without a user."""
    no_user: list[Json] = [{}, {"user": ""}, {"user": None}]
    pairs = [{"cluster": c, "user": u} for c in NAMES for u in NAMES]
    pairs.append({"cluster": "a", **draw(st.sampled_from(no_user))})
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "preferences": {},
        "current-context": str(draw(st.integers(0, len(pairs) - 1))),
        "contexts": [{"name": str(number), "context": pair} for number, pair in enumerate(pairs)],
        "clusters": [{"name": name, "cluster": draw(PLAIN_CLUSTERS)} for name in NAMES],
        "users": [{"name": name, "user": draw(PLAIN_USERS)} for name in NAMES],
    }


@settings(deadline=None)
@given(plain_configs())
def test_a_plain_kubeconfig_is_read_the_short_way_as_the_exact_way_would(raw: Json) -> None:
    assert agree(raw, None)
    assert agree(raw, "0")


ODD_VALUES = [
    None,
    "",
    0,
    5,
    1.5,
    True,
    False,
    [],
    ["name"],
    {},
    {"name": "a"},
    b"YQ==",
    "a",
    "%%%",
    "Yé",
    "YQ",
]
ODD_FIELDS: Json = {
    "exec": EXEC,
    "auth-provider": {"name": "gcp"},
    "username": "admin",
    "password": SECRET,
    "as": "root",
    "as-groups": ["g"],
    "token": f"{SECRET} with spaces",
    "certificate-authority-data": f"{SECRET}=",
    "name": "b",
}


def places(node: Any) -> list[tuple[Any, Any]]:
    """Every container in `node`, itself included, with each of its keys."""
    keys = list(node) if isinstance(node, dict) else range(len(node)) if isinstance(node, list) else ()
    return [(node, key) for key in keys] + [place for key in keys for place in places(node[key])]


@st.composite
def odd_configs(draw: st.DrawFn) -> Json:
    """Plain kubeconfigs of which one place, or a few, have been made odd."""
    raw = copy.deepcopy(draw(plain_configs()))
    for _ in range(draw(st.integers(1, 3))):
        if not (known := places(raw)):
            break
        node, key = draw(st.sampled_from(known))
        change = draw(st.sampled_from(["remove", "replace", "double", "add"]))
        if change == "remove":
            del node[key]
        elif change == "replace":
            node[key] = copy.deepcopy(draw(st.sampled_from(ODD_VALUES)))
        elif change == "double" and isinstance(node, list):
            node.append(copy.deepcopy(node[key]))
        elif isinstance(node, dict):
            added = draw(st.sampled_from(list(ODD_FIELDS)))
            node[added] = copy.deepcopy(ODD_FIELDS[added])
    return raw


@settings(deadline=None, max_examples=300, suppress_health_check=[HealthCheck.too_slow])
@given(odd_configs(), st.sampled_from([None, "0", "1", "4", ""]))
def test_an_odd_kubeconfig_is_read_as_the_exact_way_would_or_left_to_it(
    raw: Json, context: str | None
) -> None:
    agree(raw, context)


@pytest.mark.parametrize(
    ("cluster", "user"),
    [
        ({}, {"exec": EXEC}),
        ({}, {"token": SECRET, "exec": EXEC}),
        ({}, {"auth-provider": {"name": "gcp"}}),
        ({}, {"username": "admin", "password": SECRET}),
        ({}, {"token": SECRET, "as": "root"}),
        ({}, {"token": SECRET, "as-groups": ["system:masters"]}),
        ({}, {"token": SECRET, "a-field-of-tomorrow": True}),
        ({}, {"token": 5}),
        ({}, {"token": f"{SECRET} with spaces"}),
        ({}, {"client-key-data": "%%%"}),
        ({}, None),
        ({"a-field-of-tomorrow": True}, {"token": SECRET}),
        ({"insecure-skip-tls-verify": "true"}, {"token": SECRET}),
        ({"disable-compression": "true"}, {"token": SECRET}),
        ({"server": ""}, {"token": SECRET}),
        ({"server": ["https://east"]}, {"token": SECRET}),
        ({"certificate-authority-data": b"YQ=="}, {"token": SECRET}),
    ],
)
def test_what_is_not_plain_is_left_to_the_exact_way(cluster: Json, user: Any) -> None:
    assert plain_settings(config({}, {"token": SECRET}), None, FOLDER) is not None
    assert plain_settings(config(cluster, user), None, FOLDER) is None


@pytest.mark.parametrize("kind", ["contexts", "clusters", "users"])
def test_a_name_that_is_there_twice_is_left_to_the_exact_way(kind: str) -> None:
    raw = config({}, {"token": SECRET})
    raw[kind] = raw[kind] * 2
    assert plain_settings(raw, None, FOLDER) is None


def test_a_list_with_an_entry_that_is_none_is_left_to_the_exact_way() -> None:
    raw = config({}, {"token": SECRET})
    raw["users"].append(5)
    assert plain_settings(raw, None, FOLDER) is None


LOADING = """
import asyncio, sys
from pathlib import Path
from mcs_controller.kube.connection.config import load_in_cluster, load_kubeconfig

async def main():
    kind, folder = sys.argv[1], Path(sys.argv[2])
    if kind == "pod":
        environment = {"KUBERNETES_SERVICE_HOST": "fd00::1", "KUBERNETES_SERVICE_PORT": "443"}
        transport = load_in_cluster(
            token_file=folder / "token", ca_file=folder / "ca.crt", environment=environment
        )
    else:
        transport = load_kubeconfig(folder / "kubeconfig")
    await transport.close()
    print(*(name for name in ("kubernetes_asyncio", "yaml") if name in sys.modules))

asyncio.run(main())
"""


def libraries_loaded_for(kind: str, folder: Path) -> list[str]:
    done = subprocess.run(
        [sys.executable, "-c", LOADING, kind, str(folder)],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


@pytest.fixture
def folder(tmp_path: Path, pki: Pki) -> Path:
    (tmp_path / "ca.crt").write_bytes(pki.data("ca.crt"))
    (tmp_path / "token").write_text(SECRET)
    return tmp_path


def write(folder: Path, user: Json) -> None:
    raw = config({"certificate-authority": "ca.crt"}, user)
    (folder / "kubeconfig").write_text(yaml.safe_dump(raw))


def test_a_plain_kubeconfig_is_loaded_without_the_kubernetes_library(folder: Path, pki: Pki) -> None:
    pair = {
        "client-certificate": str(pki.path("client.crt")),
        "client-key-data": base64.b64encode(pki.data("client.key")).decode(),
    }
    write(folder, {"token": SECRET, **pair})
    assert libraries_loaded_for("kubeconfig", folder) == ["yaml"]


def test_a_pods_service_account_is_loaded_without_the_kubernetes_library_or_a_yaml_parser(
    folder: Path,
) -> None:
    assert libraries_loaded_for("pod", folder) == []


def test_a_kubeconfig_with_an_exec_plugin_is_loaded_with_the_kubernetes_library(folder: Path) -> None:
    write(folder, {"exec": EXEC})
    assert libraries_loaded_for("kubeconfig", folder) == ["kubernetes_asyncio", "yaml"]

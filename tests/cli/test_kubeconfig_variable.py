"""Which API server a command finds: --kubeconfig, the pod's own, or KUBECONFIG (docs/configuration.md)."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from pathlib import Path

import pytest
from aiohttp import web

from mcs_controller.cli.connecting import connect
from mcs_controller.kube.errors import ConfigError
from tests.cli.program import run
from tests.support.kubeconfigs import NOBODY_LISTENS, kubeconfig, write

pytestmark = pytest.mark.slow

IN_POD = {"KUBERNETES_SERVICE_HOST": "10.96.0.1", "KUBERNETES_SERVICE_PORT": "443"}


class ApiServer:
    """Knows of nothing, and keeps who asked."""

    def __init__(self) -> None:
        self.tokens: list[str] = []
        self.url = ""

    async def handle(self, request: web.Request) -> web.Response:
        self.tokens.append(request.headers["Authorization"].removeprefix("Bearer "))
        status = {
            "kind": "Status",
            "apiVersion": "v1",
            "status": "Failure",
            "reason": "NotFound",
            "code": 404,
        }
        return web.json_response({**status, "message": "not found"}, status=404)


@pytest.fixture
async def api_server() -> AsyncIterator[ApiServer]:
    found = ApiServer()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", found.handle)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    found.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield found
    await runner.cleanup()


def file_for(folder: Path, name: str, server: str, *, context: str = "main", current: str = "main") -> Path:
    """A kubeconfig whose token is its name."""
    contexts = [{"name": context, "context": {"cluster": "c", "user": "u"}}]
    users = [{"name": "u", "user": {"token": name}}]
    return write(folder, name, kubeconfig(server, users=users, contexts=contexts, current=current))


async def tokens_seen(server: ApiServer, *argv: str | Path, **environment: str) -> set[str]:
    """With which credential `crds --check` reaches the server."""
    server.tokens.clear()
    ended = await run("crds", "--check", *argv, environment=environment)
    assert ended.exit_code == 1, ended.stderr
    return set(server.tokens)


async def test_kubeconfig_variable_names_the_cluster_where_no_option_does(
    api_server: ApiServer, tmp_path: Path
) -> None:
    one = file_for(tmp_path, "one", api_server.url)
    other = file_for(tmp_path, "other", api_server.url)
    assert await tokens_seen(api_server, KUBECONFIG=str(one)) == {"one"}
    assert await tokens_seen(api_server, "--kubeconfig", other, KUBECONFIG=str(one)) == {"other"}
    assert await tokens_seen(api_server, KUBECONFIG=str(one), MCS_KUBECONFIG=str(other)) == {"other"}


async def test_of_several_files_the_first_with_the_context_counts_and_missing_ones_are_passed_over(
    api_server: ApiServer, tmp_path: Path
) -> None:
    first = file_for(tmp_path, "first", api_server.url, context="a", current="")
    second = file_for(tmp_path, "second", api_server.url, context="b", current="b")
    third = file_for(tmp_path, "third", api_server.url, context="b", current="a")
    listed = ":".join(["", str(tmp_path / "missing"), *map(str, (first, second, third))])
    assert await tokens_seen(api_server, KUBECONFIG=listed) == {"second"}
    assert await tokens_seen(api_server, "--context", "a", KUBECONFIG=listed) == {"first"}
    # The current context of one file may stand in another.
    assert await tokens_seen(api_server, KUBECONFIG=f"{third}:{first}") == {"first"}


async def test_a_list_without_the_context_or_without_any_file_is_told_in_one_line(tmp_path: Path) -> None:
    first = file_for(tmp_path, "first", NOBODY_LISTENS, context="a", current="a")
    second = file_for(tmp_path, "second", NOBODY_LISTENS, context="b", current="b")
    ended = await run("crds", "--check", "--context", "c", environment={"KUBECONFIG": f"{first}:{second}"})
    assert (ended.exit_code, len(ended.stderr.splitlines())) == (2, 1)
    assert "no context 'c'" in ended.stderr
    missing = await run("crds", "--check", environment={"KUBECONFIG": str(tmp_path / "missing")})
    assert "does not exist" in missing.stderr
    neither = await run("crds", "--check", environment={"KUBECONFIG": ""})
    assert "--kubeconfig or KUBECONFIG" in neither.stderr


@pytest.mark.parametrize("inside", [IN_POD, {}])
async def test_in_a_pod_the_variable_is_not_looked_at(inside: Mapping[str, str], tmp_path: Path) -> None:
    file = file_for(tmp_path, "one", NOBODY_LISTENS)
    environment = {"KUBECONFIG": str(file), **inside}
    if inside:
        with pytest.raises(ConfigError, match="Service token file does not exist"):
            connect(None, None, name="local", environment=environment)
        return
    client = connect(None, None, name="local", environment=environment)
    await client.close()


@pytest.mark.parametrize("command", ["agent", "leave"])
async def test_the_broker_may_be_a_context_of_the_variables_files(command: str, tmp_path: Path) -> None:
    file = file_for(tmp_path, "one", NOBODY_LISTENS)
    environment = {"KUBECONFIG": str(file), "MCS_HTTP": "127.0.0.1:0"}
    ended = await run(command, "--cluster-id=east", "--broker-context=no-such", environment=environment)
    assert ended.exit_code == 1
    assert "no context 'no-such'" in ended.stderr
    if command == "agent":
        without = await run(command, "--cluster-id=east", environment=environment)
        assert (without.exit_code, "--broker-kubeconfig is missing" in without.stderr) == (2, True)

"""Credentials: files that change, plugins that hand out what expires, and no secret told."""

import asyncio
import contextlib
import json
import os
import shlex
import signal
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from mcs_controller.kube.connection.credentials import (
    ExecCredential,
    ExecPlugin,
    StaticCredential,
    TokenFile,
    bearer,
)
from mcs_controller.kube.errors import ConfigError

VERSION = "client.authentication.k8s.io/v1"


class SteppedClock:
    """Wall-clock time that the test moves."""

    def __init__(self) -> None:
        self.moment = datetime(2026, 1, 1, tzinfo=UTC)

    def now(self) -> datetime:
        return self.moment


def replace(path: Path, text: str) -> None:
    """As the kubelet does it: a new file in the place of the old one."""
    new = path.with_suffix(".new")
    new.write_text(text)
    os.replace(new, path)


async def test_a_token_file_is_read_without_its_newline_and_again_when_it_changes(tmp_path: Path) -> None:
    path = tmp_path / "token"
    path.write_text("first\n")
    credential = TokenFile(path)
    assert await credential.authorization() == "Bearer first"
    replace(path, "second\n")
    assert await credential.authorization() == "Bearer second"


async def test_while_the_token_file_is_missing_the_last_token_serves(tmp_path: Path) -> None:
    path = tmp_path / "token"
    path.write_text("first")
    credential = TokenFile(path)
    await credential.authorization()
    path.unlink()
    assert await credential.authorization() == "Bearer first"


async def test_a_token_file_that_was_never_there_is_a_config_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"token file .* cannot be read: No such file"):
        await TokenFile(tmp_path / "token").authorization()


@pytest.mark.looptime
async def test_after_a_401_a_token_file_has_something_new_only_if_it_changed(tmp_path: Path) -> None:
    path = tmp_path / "token"
    path.write_text("first")
    credential = TokenFile(path)
    await credential.authorization()
    assert not await credential.renew()
    path.write_text("other")
    # Several requests were refused with the old token: all of them may try again.
    assert await credential.renew()
    assert await credential.renew()
    assert await credential.authorization() == "Bearer other"
    await asyncio.sleep(60)
    assert not await credential.renew()


@pytest.mark.parametrize("token", ["", "  \n", "two words", "line\nbreak", "nul\0", "ünicode"])
def test_what_is_no_token_is_refused_without_being_quoted(token: str) -> None:
    with pytest.raises(ConfigError) as caught:
        bearer(token, "token file x")
    assert not token.strip() or token.strip() not in str(caught.value)


async def test_a_static_credential_never_renews() -> None:
    credential = StaticCredential("Bearer x")
    assert await credential.authorization() == "Bearer x"
    assert not await credential.renew()


PLUGIN = """
import json, os, sys, time
info = json.loads(os.environ["KUBERNETES_EXEC_INFO"])
count = 1 + int(open("runs").read()) if os.path.exists("runs") else 1
open("runs", "w").write(str(count))
open("info", "w").write(json.dumps({"info": info, "argv": sys.argv[1:], "extra": os.environ.get("EXTRA")}))
answer = open("answer").read()
if answer.startswith("exit"):
    sys.stderr.write(answer[4:] or "no login\\nat all\\n")
    sys.exit(3)
if answer == "hang":
    time.sleep(60)
print(answer.replace("COUNT", str(count)))
"""


class Plugin:
    """An exec plugin that prints what the test wrote into a file, and counts its runs."""

    def __init__(self, folder: Path, **status: Any) -> None:
        self.folder = folder
        (folder / "plugin.py").write_text(PLUGIN)
        script = folder / "plugin"
        script.write_text(f'#!/bin/sh\ncd {folder}\nexec {sys.executable} -S plugin.py "$@"\n')
        script.chmod(0o755)
        self.answer(**status)
        self.spec = ExecPlugin(
            str(script), ("get", "token"), VERSION, {"EXTRA": "env"}, {"server": "https://east"}
        )

    def answer(self, **status: Any) -> None:
        self.print(json.dumps({"apiVersion": VERSION, "kind": "ExecCredential", "status": status}))

    def print(self, text: str) -> None:
        (self.folder / "answer").write_text(text)

    @property
    def runs(self) -> int:
        path = self.folder / "runs"
        return int(path.read_text()) if path.exists() else 0


async def test_a_plugin_is_given_its_arguments_environment_and_cluster_and_its_token_is_used(
    tmp_path: Path,
) -> None:
    plugin = Plugin(tmp_path, token="t-COUNT")
    credential = ExecCredential(plugin.spec)
    assert await credential.authorization() == "Bearer t-1"
    assert await credential.authorization() == "Bearer t-1"
    assert plugin.runs == 1
    told = json.loads((tmp_path / "info").read_text())
    assert told == {
        "argv": ["get", "token"],
        "extra": "env",
        "info": {
            "apiVersion": VERSION,
            "kind": "ExecCredential",
            "spec": {"interactive": False, "cluster": {"server": "https://east"}},
        },
    }


async def test_requests_that_come_together_run_the_plugin_once(tmp_path: Path) -> None:
    plugin = Plugin(tmp_path, token="t-COUNT")
    credential = ExecCredential(plugin.spec)
    tokens = await asyncio.gather(*(credential.authorization() for _ in range(10)))
    assert set(tokens) == {"Bearer t-1"}
    assert plugin.runs == 1


async def test_a_token_is_renewed_behind_requests_before_it_expires(tmp_path: Path) -> None:
    clock = SteppedClock()
    plugin = Plugin(tmp_path, token="t-COUNT", expirationTimestamp="2026-01-01T01:00:00Z")
    credential = ExecCredential(plugin.spec, clock=clock)
    assert await credential.authorization() == "Bearer t-1"
    clock.moment += timedelta(minutes=58)
    assert await credential.authorization() == "Bearer t-1"
    assert plugin.runs == 1
    clock.moment += timedelta(minutes=1, seconds=30)
    plugin.answer(token="t-COUNT", expirationTimestamp="2026-01-01T02:00:00Z")
    # The old token is still good: nobody waits.
    assert await credential.authorization() == "Bearer t-1"
    assert credential._renewal is not None
    await credential._renewal
    assert await credential.authorization() == "Bearer t-2"
    assert plugin.runs == 2


async def test_an_expired_token_is_never_used(tmp_path: Path) -> None:
    clock = SteppedClock()
    plugin = Plugin(tmp_path, token="t-COUNT", expirationTimestamp="2026-01-01T01:00:00Z")
    credential = ExecCredential(plugin.spec, clock=clock)
    await credential.authorization()
    clock.moment += timedelta(hours=1)
    plugin.answer(token="t-COUNT", expirationTimestamp="2026-01-01T02:00:00Z")
    assert await credential.authorization() == "Bearer t-2"
    clock.moment += timedelta(hours=1)
    plugin.print("exit")
    with pytest.raises(ConfigError):
        await credential.authorization()


@pytest.mark.parametrize(
    ("expires", "runs"),
    [
        ("9999-12-31T23:59:59.999999Z", 1),
        ("9999-12-31T23:59:59-23:59", 1),
        ("0001-01-01T00:00:00Z", 2),
        ("0001-01-01T00:00:00+23:59", 2),
    ],
)
async def test_a_time_at_the_end_of_the_calendar_is_a_time(tmp_path: Path, expires: str, runs: int) -> None:
    plugin = Plugin(tmp_path, token="token-COUNT", expirationTimestamp=expires)
    credential = ExecCredential(plugin.spec)
    for _ in range(2):
        authorization = await credential.authorization()
    assert (authorization, plugin.runs) == (f"Bearer token-{runs}", runs)


@pytest.mark.parametrize(
    "expires",
    [
        "9999-12-31T24:00:00.5Z",
        "10000-01-01T00:00:00Z",
        "9" * 5000,
        10**300,
        [],
        1e308,
        "2026-13-01T00:00:00Z",
    ],
)
async def test_a_time_that_no_calendar_has_is_a_config_error(tmp_path: Path, expires: object) -> None:
    plugin = Plugin(tmp_path, token="token-COUNT", expirationTimestamp=expires)
    with pytest.raises(ConfigError, match="no readable expirationTimestamp"):
        await ExecCredential(plugin.spec).authorization()


async def test_a_renewal_that_fails_leaves_a_token_that_is_still_good(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    clock = SteppedClock()
    plugin = Plugin(tmp_path, token="t-COUNT", expirationTimestamp="2026-01-01T01:00:00Z")
    credential = ExecCredential(plugin.spec, clock=clock)
    await credential.authorization()
    clock.moment += timedelta(minutes=59, seconds=30)
    plugin.print("exit")
    assert await credential.authorization() == "Bearer t-1"
    assert credential._renewal is not None
    await asyncio.wait({credential._renewal})
    await asyncio.sleep(0)
    assert await credential.authorization() == "Bearer t-1"
    assert "could not be renewed" in caplog.text
    await credential.close()


async def test_a_401_runs_the_plugin_again_but_not_for_each_request(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plugin = Plugin(tmp_path, token="t-COUNT")
    credential = ExecCredential(plugin.spec)
    await credential.authorization()
    credential._renewed_at -= 60
    assert all(await asyncio.gather(*(credential.renew() for _ in range(5))))
    assert await credential.renew()
    assert plugin.runs == 2
    assert await credential.authorization() == "Bearer t-2"


async def test_what_a_plugin_does_not_hand_out_any_more_is_not_used_any_more(tmp_path: Path) -> None:
    pair = {"clientCertificateData": "certificate", "clientKeyData": "key"}
    past = {"expirationTimestamp": "2020-01-01T00:00:00Z"}
    plugin = Plugin(tmp_path, token="t", **past)
    credential = ExecCredential(plugin.spec)
    assert (await credential.authorization(), credential.certificate()) == ("Bearer t", None)
    plugin.answer(**pair, **past)
    assert (await credential.authorization(), credential.certificate()) == (None, (b"certificate", b"key"))
    plugin.answer(token="other", **past)
    assert (await credential.authorization(), credential.certificate()) == ("Bearer other", None)


async def test_a_plugin_may_hand_out_a_certificate(tmp_path: Path) -> None:
    plugin = Plugin(tmp_path, clientCertificateData="CERT", clientKeyData="KEY")
    credential = ExecCredential(plugin.spec)
    assert await credential.authorization() is None
    assert credential.certificate() == (b"CERT", b"KEY")
    assert credential.certificate() is credential.certificate()


def status_of(**answer: Any) -> str:
    return json.dumps({"apiVersion": VERSION, "status": {}, **answer})


@pytest.mark.parametrize(
    ("printed", "complaint"),
    [
        ("exit", "failed with exit code 3: no login at all"),
        ("exit db_password=s3cret", "failed with exit code 3: db_password=[*]{3}$"),
        (
            "exit" + "x " * 110 + "https://user:s3cret-and-more-of-it@login.example",
            "failed with exit code 3: x x",
        ),
        ("exit \x1b[2J\x9b2J\u202e", r"exit code 3: \\x1b\[2J\\x9b2J\\u202e$"),
        ("s3cret no json", "did not print JSON"),
        ("[]", "no ExecCredential"),
        (json.dumps({"apiVersion": VERSION}), "no ExecCredential"),
        (status_of(apiVersion="other/v1"), f"did not answer in {VERSION}"),
        (status_of(), "neither a token nor a certificate"),
        (status_of(status={"token": ""}), "neither a token nor a certificate"),
        (status_of(status={"token": ["s3cret"]}), "gave a token that is no text"),
        (status_of(status={"token": "t", "clientKeyData": "s3cret"}), "or only its key: both are needed"),
        (status_of(status={"clientCertificateData": "s3cret"}), "gave only a certificate"),
        (status_of(status={"token": "s3cret\nx"}), "holds no bearer token"),
        (
            status_of(status={"token": "t", "expirationTimestamp": "s3cret"}),
            "no readable expirationTimestamp",
        ),
        (
            status_of(status={"token": "t", "expirationTimestamp": "2026-01-01T00:00:00"}),
            "without a time zone",
        ),
    ],
)
async def test_a_plugin_that_fails_says_how_without_quoting_secrets(
    tmp_path: Path, printed: str, complaint: str
) -> None:
    plugin = Plugin(tmp_path)
    plugin.print(printed)
    with pytest.raises(ConfigError, match=complaint) as caught:
        await ExecCredential(plugin.spec).authorization()
    assert "s3cret" not in str(caught.value)
    assert "\n" not in str(caught.value)


async def test_a_plugin_that_cannot_be_run_says_so(tmp_path: Path) -> None:
    spec = ExecPlugin(str(tmp_path / "nothing"), (), VERSION)
    with pytest.raises(ConfigError, match="cannot be run: No such file"):
        await ExecCredential(spec).authorization()


async def test_a_plugin_that_hangs_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mcs_controller.kube.connection.credentials.EXEC_TIMEOUT_SECONDS", 0.3)
    plugin = Plugin(tmp_path)
    plugin.print("hang")
    with pytest.raises(ConfigError, match="did not answer within"):
        await ExecCredential(plugin.spec).authorization()


@pytest.mark.parametrize("how", ["sleep 60", "setsid sleep 60"])
async def test_a_plugin_that_hangs_in_a_program_of_its_own_is_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    monkeypatch.setattr("mcs_controller.kube.connection.credentials.EXEC_TIMEOUT_SECONDS", 0.3)
    script = tmp_path / "plugin"
    script.write_text(f"#!/bin/sh\n{how} & echo $! >{tmp_path}/pid; wait\n")
    script.chmod(0o755)
    try:
        async with asyncio.timeout(5):
            with pytest.raises(ConfigError, match="did not answer within"):
                await ExecCredential(ExecPlugin(str(script), (), VERSION)).authorization()
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.kill(int((tmp_path / "pid").read_text()), signal.SIGKILL)


@pytest.mark.parametrize("how", ["sleep 60", "setsid sleep 60"])
async def test_a_child_that_a_plugin_leaves_behind_does_not_keep_its_credential(
    tmp_path: Path, how: str
) -> None:
    answer = status_of(status={"token": "t"})
    script = tmp_path / "plugin"
    script.write_text(f"#!/bin/sh\n{how} & echo $! >{tmp_path}/pid\necho '{answer}'\n")
    script.chmod(0o755)
    try:
        plugin = ExecCredential(ExecPlugin(str(script), (), VERSION))
        assert await plugin.authorization() == "Bearer t"
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.kill(int((tmp_path / "pid").read_text()), signal.SIGKILL)


async def test_what_a_child_prints_right_after_the_plugins_end_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # It is not waited for longer than it takes; a busy machine may take long.
    monkeypatch.setattr("mcs_controller.kube.connection.plugin_process.LINGER_SECONDS", 30.0)
    answer = status_of(status={"token": "t"})
    script = tmp_path / "plugin"
    script.write_text(f"#!/bin/sh\n(while kill -0 $$; do :; done; echo '{answer}') 2>&- &\n")
    script.chmod(0o755)
    assert await ExecCredential(ExecPlugin(str(script), (), VERSION)).authorization() == "Bearer t"


async def test_a_plugin_that_fails_with_a_credential_on_stdout_is_not_quoted_with_it(tmp_path: Path) -> None:
    key = "-----BEGIN KEY-----\nwords of a key\n-----END KEY-----"
    printed = status_of(status={"token": "correct horse battery staple\n", "clientKeyData": key})
    script = tmp_path / "plugin"
    script.write_text(
        f"#!/bin/sh\nprintf '%s' {shlex.quote(printed)}\n"
        f"printf 'no place for %s\\n' 'correct horse battery staple' {shlex.quote(key)} >&2\nexit 1\n"
    )
    script.chmod(0o755)
    with pytest.raises(ConfigError, match=r"exit code 1: no place for \*{3} no place for \*{3}$"):
        await ExecCredential(ExecPlugin(str(script), (), VERSION)).authorization()


async def test_a_plugin_that_prints_without_end_costs_no_memory(tmp_path: Path) -> None:
    script = tmp_path / "plugin"
    script.write_text("#!/bin/sh\nexec yes\n")
    script.chmod(0o755)
    with pytest.raises(ConfigError, match="printed more than 1048576 bytes"):
        await ExecCredential(ExecPlugin(str(script), (), VERSION)).authorization()


def test_no_credential_tells_its_secret(tmp_path: Path) -> None:
    spec = ExecPlugin("aws", (), VERSION, {"AWS_SECRET": "s3cret"}, {"config": "s3cret"})
    assert "s3cret" not in repr(spec) + repr(ExecCredential(spec)) + repr(StaticCredential("Bearer s3cret"))

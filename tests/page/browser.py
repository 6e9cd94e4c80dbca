"""Debian's Chromium without a window, driven by its DevTools protocol: what a person would see and do."""

from __future__ import annotations

import asyncio
import base64
import itertools
import os
import shutil
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp

from tests.support.waiting import eventually

START_SECONDS = 30.0
ANSWER_SECONDS = 20.0


class Tab:
    """One page. `complaints` are what the browser itself said of it: errors, and what its policy forbids."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self.complaints: list[str] = []
        self._socket = socket
        self._ids = itertools.count(1)
        self._answers: dict[int, asyncio.Future[dict[str, Any]]] = {}

    async def listen(self) -> None:
        """Take what the browser says, until it ends."""
        async for message in self._socket:
            said = message.json()
            if "id" in said:
                self._answers.pop(said["id"]).set_result(said)
            elif said["method"] == "Log.entryAdded":
                self.complaints.append(said["params"]["entry"]["text"])
            elif said["method"] == "Runtime.exceptionThrown":
                self.complaints.append(str(said["params"]["exceptionDetails"]))
            elif said["method"] == "Runtime.consoleAPICalled":
                self.complaints.append(str(said["params"]["args"]))

    async def do(self, method: str, **parameters: Any) -> dict[str, Any]:
        """One command of the protocol, and its result."""
        number = next(self._ids)
        answer = self._answers[number] = asyncio.get_running_loop().create_future()
        await self._socket.send_json({"id": number, "method": method, "params": parameters})
        said = await asyncio.wait_for(answer, ANSWER_SECONDS)
        assert "error" not in said, said["error"]
        result: dict[str, Any] = said["result"]
        return result

    async def value(self, expression: str) -> Any:
        """What a JavaScript expression is."""
        found = await self.do(
            "Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True
        )
        assert "exceptionDetails" not in found, found["exceptionDetails"]
        return found["result"].get("value")

    async def open(self, url: str) -> None:
        """Go to a page, until all of it is there."""
        await self.do("Page.navigate", url=url)
        await self.until(f"location.href === {url!r} && document.readyState === 'complete'")

    async def until(self, expression: str) -> None:
        """Wait until it is true."""
        await eventually(
            lambda: self.value(expression), within_seconds=ANSWER_SECONDS, what=lambda: expression
        )

    async def press(self, key: str, *, shift: bool = False) -> None:
        """Press a key, such as Tab or Enter."""
        codes = {"Tab": 9, "Enter": 13}
        for kind in ("keyDown", "keyUp"):
            text = {"text": "\r"} if key == "Enter" and kind == "keyDown" else {}
            await self.do(
                "Input.dispatchKeyEvent",
                type=kind,
                key=key,
                code=key,
                windowsVirtualKeyCode=codes[key],
                modifiers=8 if shift else 0,
                **text,
            )

    async def type(self, text: str) -> None:
        """Type into what has the focus."""
        await self.do("Input.insertText", text=text)

    async def look(self, *, width: int, height: int = 900, dark: bool = False, calm: bool = False) -> None:
        """Choose a size of the window, and what the person prefers."""
        await self.do(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=False,
        )
        await self.do(
            "Emulation.setEmulatedMedia",
            features=[
                {"name": "prefers-color-scheme", "value": "dark" if dark else "light"},
                {"name": "prefers-reduced-motion", "value": "reduce" if calm else "no-preference"},
            ],
        )

    async def picture(self, file: Path) -> None:
        """Write what is shown, the whole page, as PNG."""
        found = await self.do("Page.captureScreenshot", captureBeyondViewport=True)
        await asyncio.to_thread(file.write_bytes, base64.b64decode(found["data"]))


@asynccontextmanager
async def browser_tab(folder: Path) -> AsyncIterator[Tab]:
    """A tab of a browser of its own, whose files are in `folder`."""
    program = shutil.which("chromium-headless-shell") or shutil.which("chromium")
    assert program, "Chromium is missing: apt-get install chromium-headless-shell"
    profile = folder / "chromium"
    process = await asyncio.create_subprocess_exec(
        program,
        "--headless",
        # The sandbox needs rights that a test's machine may lack; only our own page is opened.
        "--no-sandbox",
        "--disable-gpu",
        "--hide-scrollbars",
        "--disable-background-networking",
        "--remote-debugging-port=0",
        f"--user-data-dir={profile}",
        "about:blank",
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
        # Debian's program is a shell that starts the browser: a signal to it alone leaves the browser.
        start_new_session=True,
    )
    try:
        port = await eventually(
            lambda: asyncio.to_thread(_port, profile), within_seconds=START_SECONDS, what=lambda: "no port"
        )
        async with aiohttp.ClientSession() as session:
            async with session.get(f"http://127.0.0.1:{port}/json/list") as listed:
                pages = [one for one in await listed.json() if one["type"] == "page"]
            async with session.ws_connect(pages[0]["webSocketDebuggerUrl"], max_msg_size=0) as socket:
                tab = Tab(socket)
                listening = asyncio.create_task(tab.listen())
                for room in ("Page", "Runtime", "Log"):
                    await tab.do(f"{room}.enable")
                yield tab
                await socket.close()
                await listening
    finally:
        if process.returncode is None:
            os.killpg(process.pid, signal.SIGTERM)
        await process.wait()


def _port(profile: Path) -> str:
    """Where the browser listens, as it says in its profile; "" as long as it does not."""
    file = profile / "DevToolsActivePort"
    return file.read_text().partition("\n")[0] if file.exists() else ""

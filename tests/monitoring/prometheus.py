"""A real Prometheus that scrapes what it is told to, with the rules that we ship."""

from __future__ import annotations

import json
import shutil
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp

from tests.monitoring.shipped import ALERTS
from tests.realkube.process import ReservedPort, ServerProcess

Json = dict[str, Any]

SCRAPED_WITHIN_SECONDS = 40.0


@dataclass(frozen=True)
class Target:
    """What is scraped on a port of this machine, and the labels that it gets."""

    job: str
    cluster: str
    port: int


class Prometheus:
    """One that scrapes every second, in a folder of its own."""

    def __init__(self, folder: Path, targets: Sequence[Target]) -> None:
        program = shutil.which("prometheus")
        assert program, "prometheus is missing: apt-get install prometheus"
        scraped: dict[str, list[Json]] = {}
        for target in targets:
            labels = {"cluster": target.cluster}
            scraped.setdefault(target.job, []).append(
                {"targets": [f"127.0.0.1:{target.port}"], "labels": labels}
            )
        every = {"scrape_interval": "1s", "scrape_timeout": "1s", "evaluation_interval": "1s"}
        jobs = [{"job_name": job, "static_configs": configs} for job, configs in scraped.items()]
        config = folder / "prometheus.yaml"
        config.write_text(json.dumps({"global": every, "rule_files": [str(ALERTS)], "scrape_configs": jobs}))
        self._port = ReservedPort()
        # Prometheus does not share a port with our socket, so the port is free for a moment.
        self._port.release()
        self._process = ServerProcess(
            "prometheus",
            [
                program,
                f"--config.file={config}",
                f"--storage.tsdb.path={folder / 'data'}",
                f"--web.listen-address=127.0.0.1:{self._port.number}",
                "--log.level=warn",
            ],
            folder,
        )

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[Prometheus]:
        async with aiohttp.ClientSession(f"http://127.0.0.1:{self._port.number}") as self._session:
            self._process.start()
            try:
                await self._process.wait_ready(self._is_ready, 30)
                yield self
            finally:
                self._process.kill()

    async def _is_ready(self) -> bool:
        try:
            async with self._session.get("/-/ready") as response:
                return response.status == 200
        except aiohttp.ClientError:
            return False

    async def ask(self, path: str, **parameters: str) -> Any:
        """The data of an answer of its API."""
        async with self._session.get(f"/api/v1/{path}", params=parameters) as response:
            answer: Json = await response.json()
        assert answer["status"] == "success", (parameters, answer)
        return answer["data"]

    async def series(self, query: str) -> list[tuple[dict[str, str], float]]:
        """What the query gives now: the labels of each series, and its number."""
        result = (await self.ask("query", query=query))["result"]
        return [(series["metric"], float(series["value"][1])) for series in result]

    async def names(self) -> set[str]:
        return set(await self.ask("label/__name__/values"))

    async def rules(self) -> list[Json]:
        groups = (await self.ask("rules"))["groups"]
        return [rule for group in groups for rule in group["rules"]]

    async def told(self) -> set[str]:
        """The alerts that fire, or will if it goes on so."""
        return {alert["labels"]["alertname"] for alert in (await self.ask("alerts"))["alerts"]}

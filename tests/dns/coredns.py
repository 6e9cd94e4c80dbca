"""A real CoreDNS that forwards the zone, as cluster DNS does."""

from pathlib import Path

from mcs_controller.dnscheck.client import QueryFailed, query
from tests.realkube.process import ServerProcess
from tests.realkube.product import free_port

START_TIMEOUT_S = 30


class CoreDns:
    """One process; `port` is where it answers, over UDP and TCP."""

    def __init__(self, program: Path, folder: Path) -> None:
        self.port = free_port()
        self._program = program
        self._folder = folder
        self._process: ServerProcess | None = None

    async def start(self, stanza: str, *, zone_server: str) -> None:
        """With a server block as documentation has it, put on our port and sent to our server."""
        corefile = self._folder / f"Corefile-{self.port}"
        here = stanza.replace(":53 {", f":{self.port} {{\n    bind 127.0.0.1")
        corefile.write_text(here.replace("10.96.0.53", zone_server))
        assert "forward" in stanza
        assert zone_server in corefile.read_text()
        await self.run(corefile)

    async def run(self, corefile: Path) -> None:
        """With a whole configuration that answers on our port; returns when it answers for the zone."""
        self._process = ServerProcess(
            f"coredns-{self.port}", [self._program, "-conf", corefile], self._folder
        )
        self._process.start()
        await self._process.wait_ready(self._answers, START_TIMEOUT_S)

    def stop(self) -> None:
        if self._process is not None:
            self._process.kill()

    async def _answers(self) -> bool:
        try:
            await query(("127.0.0.1", self.port), "clusterset.local", "SOA", timeout_seconds=1)
        except (OSError, QueryFailed):
            return False
        return True

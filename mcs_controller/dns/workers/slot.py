"""A worker's place in the fleet: its group of sockets, and the process that has it at present."""

import asyncio
import signal
import socket
from asyncio.subprocess import Process
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from mcs_controller.clusterset.model import ServiceKey
from mcs_controller.dns.server.sockets import SocketPair
from mcs_controller.dns.workers.protocol import Report
from mcs_controller.dns.workers.pulse import Pulse
from mcs_controller.kube.pacing.backoff import Backoff


@dataclass(slots=True)
class Slot:
    """A worker's place: its group of sockets, and the process that has it at present."""

    number: int
    backoff: Backoff
    pairs: list[SocketPair] = field(default_factory=list)
    pid: int = 0
    in_step: bool = False
    report: Report | None = None
    pulse: Pulse = field(default_factory=Pulse)
    fault: str = ""
    pending: dict[ServiceKey, None] = field(default_factory=dict)
    wake: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def serves(self) -> bool:
        """Whether its process has said that it serves its own group."""
        return self.report is not None and self.number in self.report.serving

    @property
    def answers(self) -> bool:
        """Whether it does so in time."""
        return self.serves and not self.pulse.is_late

    def socket_numbers(self) -> list[tuple[int, int]]:
        """The file descriptors of its group: UDP and TCP."""
        return [(pair.udp.fileno(), pair.tcp.fileno()) for pair in self.pairs]


async def start_process(command: Sequence[str], theirs: socket.socket, slots: Iterable[Slot]) -> Process:
    """Start a worker that has the sockets of all slots, and its end of the conversation. Raises `OSError`.

    In a session of its own: Ctrl-C is for the parent, which then lets the workers answer to the end.
    """
    numbers = [number for slot in slots for pair in slot.socket_numbers() for number in pair]
    return await asyncio.create_subprocess_exec(
        *command,
        str(theirs.fileno()),
        stdin=asyncio.subprocess.DEVNULL,
        pass_fds=(theirs.fileno(), *numbers),
        start_new_session=True,
    )


def kill(process: Process) -> None:
    """End a process at once; nothing if it has ended already."""
    with suppress(ProcessLookupError):
        process.send_signal(signal.SIGKILL)

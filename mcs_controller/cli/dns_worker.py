"""The program of one DNS worker process: `python -P -m mcs_controller.cli.dns_worker LEVEL FORMAT FD`.

Started by `mcs-controller dns --workers N` only; `FD` is its end of a socket pair with its parent. It is no
command of its own, since importing the others' parts would double its memory. Signals are its parent's
business: it ends when it is told to, or when the parent is gone.
"""

import asyncio
import signal
import socket
import sys
from collections.abc import Sequence
from random import Random
from typing import cast

import uvloop

from mcs_controller.dns.workers.worker import run_worker
from mcs_controller.observe.logging import LogFormat, LogLevel, configure_logging


def worker_command(level: LogLevel, format: LogFormat) -> Sequence[str]:
    """What starts one, but for the descriptor. Without -P it could run files of the current directory."""
    return (sys.executable, "-P", "-m", __name__, level, format)


def main(level: str, format: str, descriptor: str) -> None:
    """Run until the parent says so."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    configure_logging(cast(LogLevel, level), cast(LogFormat, format))
    parent = socket.socket(fileno=int(descriptor))
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(run_worker(parent, random=Random()))


if __name__ == "__main__":
    main(*sys.argv[1:])

"""A process that has imported every command and forks itself for each that is to run.

A short command spends most of its time on imports, and the tests run hundreds. The fork is a process of its
own like any other: arguments, environment, streams, the end of the interpreter. Whatever goes on running is
started from nothing, by `start` in program.py.

The only argument is the descriptor of a socket. A message on it is JSON (`argv`, `environment`, `folder`)
with three descriptors: stdout, stderr, and where to write the exit code once it has ended. A process whose
exit code nobody would read any more is killed. Ends when the other side of the socket is closed.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import json
import os
import selectors
import signal
import socket
import sys
from typing import Any

from mcs_controller.cli.main import PRINTING_COMMANDS, RUNNING_COMMANDS, main

MESSAGE_BYTES = 100_000


def wait_for_orders(orders: socket.socket) -> dict[str, Any] | None:
    """Returns in each fork, with its order; and None in this process, at the end."""
    running: dict[int, int] = {}
    woken, wakes = socket.socketpair()
    for end in (woken, wakes):
        end.setblocking(False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(wakes.fileno())
    with selectors.DefaultSelector() as selector:
        selector.register(orders, selectors.EVENT_READ)
        selector.register(woken, selectors.EVENT_READ)
        while True:
            ready = {key.fileobj for key, _ in selector.select()}
            for pid, told in running.items():
                # An end for writing is ready "to be read" when its other end is closed.
                if told in ready:
                    selector.unregister(told)
                    os.kill(pid, signal.SIGKILL)
            if woken in ready:
                woken.recv(MESSAGE_BYTES)
                tell_ends(running, selector)
            if orders not in ready:
                continue
            message, descriptors, *_ = socket.recv_fds(orders, MESSAGE_BYTES, 3)
            if not message:
                return None
            stdout, stderr, told = descriptors
            pid = os.fork()
            if pid == 0:
                signal.set_wakeup_fd(-1)
                signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                os.dup2(stdout, 1)
                os.dup2(stderr, 2)
                for descriptor in (*descriptors, *running.values()):
                    os.close(descriptor)
                for end in (orders, woken, wakes):
                    end.close()
                order: dict[str, Any] = json.loads(message)
                return order
            os.close(stdout)
            os.close(stderr)
            running[pid] = told
            selector.register(told, selectors.EVENT_READ)


def tell_ends(running: dict[int, int], selector: selectors.BaseSelector) -> None:
    """Of those that have ended, to whom it concerns."""
    for pid in list(running):
        ended, status = os.waitpid(pid, os.WNOHANG)
        if ended:
            told = running.pop(pid)
            if told in selector.get_map():
                selector.unregister(told)
            # Who has given up does not read it.
            with contextlib.suppress(BrokenPipeError):
                os.write(told, str(os.waitstatus_to_exitcode(status)).encode())
            os.close(told)


if __name__ == "__main__":
    for command in (*RUNNING_COMMANDS, *PRINTING_COMMANDS):
        importlib.import_module(f"mcs_controller.cli.{command}")
    # What is here already never becomes garbage in a fork.
    gc.freeze()
    order = wait_for_orders(socket.socket(fileno=int(sys.argv[1])))
    if order is None:
        sys.exit()
    os.environ.clear()
    os.environ.update(order["environment"])
    os.chdir(order["folder"])
    sys.argv[:] = order["argv"]
    sys.exit(main())

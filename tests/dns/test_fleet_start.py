"""How a worker process is started: with all sockets, its end of the conversation, apart from its parent."""

import asyncio
import sys
from dataclasses import replace
from random import Random

from mcs_controller.dns.server.sockets import bind_groups
from mcs_controller.dns.workers.fleet import Fleet
from tests.dns.played import CONFIG
from tests.support.waiting import until

PROGRAM = """
import json, os, socket, struct, sys
feed = socket.socket(fileno=int(sys.argv[2]))
def read():
    (size,) = struct.unpack("!I", feed.recv(4, socket.MSG_WAITALL))
    return json.loads(feed.recv(size, socket.MSG_WAITALL))
_, groups = read()
sockets = [socket.socket(fileno=number) for group in groups for pair in group for number in pair]
is_well = sys.argv[1] == "said" and os.getsid(0) == os.getpid() and sys.stdin.read() == ""
ports = [each.getsockname()[1] for each in sockets]
body = json.dumps([[], is_well, ports + [0] * 200, 0, {}]).encode()
feed.sendall(struct.pack("!I", len(body)) + body)
while not read()[-1]:
    pass
"""


async def test_a_worker_has_every_socket_and_a_session_of_its_own_and_nothing_to_read() -> None:
    """Ctrl-C in a terminal is for the parent, which lets the workers answer to the end."""
    command = (sys.executable, "-S", "-c", PROGRAM, "said")
    fleet = Fleet(
        replace(CONFIG, workers=2), command, random=Random(1), services=lambda: (), packed=lambda _: None
    )
    fleet.start(bind_groups((("127.0.0.1", 0),), 2))
    running = asyncio.create_task(fleet.run())
    try:
        await until(lambda: all(slot.report is not None for slot in fleet._slots))
        for slot in fleet._slots:
            assert slot.report is not None
            assert slot.report.is_open, "the program found what it looked for"
            ports = [pair.address[1] for each in fleet._slots for pair in each.pairs * 2]
            assert slot.report.totals[:4] == ports
        assert len(set(fleet.pids())) == 2
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        fleet.close()
    assert fleet.pids() == []

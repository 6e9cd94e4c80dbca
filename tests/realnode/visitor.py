"""A user's program in a pod: it asks its resolver for a name and opens a connection, again and again.

python -m tests.realnode.visitor HOST PORT     visits until it reads a line, then tells whom it met

Whatever keeps a visit from its answer is a loss. Only the standard library is used, so that a pod needs
nothing but this file.
"""

import http.client
import json
import sys
import threading
import time
from collections import Counter

LANES = 3
PAUSE_SECONDS = 0.01
TIMEOUT_SECONDS = 5.0


class Visitor:
    """Visits `host`; `met` counts the answers by their text, `lost` says when and why."""

    def __init__(self, host: str, port: int) -> None:
        self.met: Counter[str] = Counter()
        self.lost: list[str] = []
        self.slowest_seconds = 0.0
        self._host, self._port = host, port
        self._ending = threading.Event()
        self._lock = threading.Lock()

    def run(self) -> None:
        lanes = [threading.Thread(target=self._visit_on) for _ in range(LANES)]
        for lane in lanes:
            lane.start()
        sys.stdin.readline()
        self._ending.set()
        for lane in lanes:
            lane.join()

    def _visit_on(self) -> None:
        started = time.monotonic()
        while not self._ending.wait(PAUSE_SECONDS):
            began = time.monotonic()
            try:
                answer, failure = self._visit(), ""
            except (OSError, http.client.HTTPException) as error:
                answer, failure = "", f"{type(error).__name__}: {error}"
            took = time.monotonic() - began
            with self._lock:
                self.slowest_seconds = max(self.slowest_seconds, took)
                if failure:
                    self.lost.append(f"after {began - started:.2f} s: {failure}")
                else:
                    self.met[answer] += 1

    def _visit(self) -> str:
        connection = http.client.HTTPConnection(self._host, self._port, timeout=TIMEOUT_SECONDS)
        try:
            connection.request("GET", "/hostname")
            return connection.getresponse().read().decode()
        finally:
            connection.close()


def main(host: str, port: str) -> None:
    visitor = Visitor(host, int(port))
    visitor.run()
    told = {"met": visitor.met, "lost": visitor.lost, "slowest_seconds": visitor.slowest_seconds}
    sys.stdout.write(json.dumps(told) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])

"""Fetches pages over HTTP, in a program of its own for a pod or a node's namespaces.

python -m tests.realnode.fetcher METHOD URL...     tells the status and the text of each, in their order

Only the standard library is used, so that a pod needs nothing but this file.
"""

import json
import sys
import urllib.error
import urllib.request

TIMEOUT_SECONDS = 20.0


def fetch(method: str, url: str) -> tuple[int, str]:
    """What the server answered, also where that is an error."""
    try:
        with urllib.request.urlopen(
            urllib.request.Request(url, method=method), timeout=TIMEOUT_SECONDS
        ) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as answer:
        with answer:
            return answer.code, answer.read().decode()


if __name__ == "__main__":
    json.dump([fetch(sys.argv[1], url) for url in sys.argv[2:]], sys.stdout)

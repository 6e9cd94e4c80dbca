"""Who a replica is in the Lease: two must never be the same, and one that is started again may be."""

import socket
from random import Random

import pytest

from mcs_controller.cli.process import replica_name


def test_a_replica_with_an_identity_is_who_it_was_when_it_is_started_again() -> None:
    assert replica_name("uid-of-the-pod", Random(1)) == replica_name("uid-of-the-pod", Random(2))


def test_without_one_it_is_somebody_new() -> None:
    assert replica_name(None, Random(1)) != replica_name(None, Random(2))


def test_two_pods_that_were_given_the_same_are_not_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    names = set()
    for host in ("mcs-agent-abcde", "mcs-agent-fghij"):
        monkeypatch.setattr(socket, "gethostname", lambda host=host: host)
        names.add(replica_name("same", Random(1)))
    assert len(names) == 2

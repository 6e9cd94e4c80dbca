"""How much of one service is answered with, so that no member's service can make everybody's questions slow.

What is over a bound is left out, and the rest is a subset that stays the same until the service changes,
which MCS-DNS-06 allows. It is divided evenly: each cluster and address family keeps what it has up to its
share, and what one does not need goes to the others, so that a cluster with very many endpoints cannot
displace those of another.
"""

from collections.abc import Sequence
from typing import Final

from mcs_controller.dns.zone.packed import PackedService, PackedSlice

ADDRESSES_MAX: Final = 10_000
"""Of one service, both families together. The largest DNS message holds about 4,000."""

SLICES_MAX: Final = 1_000

PORTS_MAX: Final = 5_000
"""Of all lists of ports that differ; a list that is over it is taken for an empty one."""


def bounded(service: PackedService) -> PackedService:
    """The service itself where it keeps to the bounds, as nearly all do; else what is answered with of it."""
    slices = service.slices
    if _address_count(slices) > ADDRESSES_MAX or len(slices) > SLICES_MAX:
        slices = _shared_out(slices)
    if sum({id(piece.ports): len(piece.ports) for piece in slices}.values()) > PORTS_MAX:
        slices = _with_fewer_ports(slices)
    return service if slices is service.slices else service._replace(slices=slices)


def _shared_out(slices: tuple[PackedSlice, ...]) -> tuple[PackedSlice, ...]:
    groups: dict[tuple[str, int], list[int]] = {}
    for number, piece in enumerate(slices):
        groups.setdefault((piece.cluster, piece.rtype), []).append(number)
    members = list(groups.values())
    slices_left = _shares([len(numbers) for numbers in members], SLICES_MAX)
    taken = [numbers[:share] for numbers, share in zip(members, slices_left, strict=True)]
    wanted = [_address_count([slices[number] for number in numbers]) for numbers in taken]
    kept: dict[int, PackedSlice] = {}
    for numbers, share in zip(taken, _shares(wanted, ADDRESSES_MAX), strict=True):
        left = share
        for number in numbers:
            piece = slices[number]
            if left >= piece.address_count:
                kept[number] = piece
            elif left:
                kept[number] = _first_of(piece, left)
            left -= min(left, piece.address_count)
    return tuple(kept[number] for number in sorted(kept))


def _with_fewer_ports(slices: tuple[PackedSlice, ...]) -> tuple[PackedSlice, ...]:
    left, known, result = PORTS_MAX, set[int](), []
    for piece in slices:
        if id(piece.ports) not in known and len(piece.ports) <= left:
            known.add(id(piece.ports))
            left -= len(piece.ports)
        result.append(piece if id(piece.ports) in known else piece._replace(ports=()))
    return tuple(result)


def _shares(wanted: Sequence[int], total: int) -> list[int]:
    """The share of the total for each: what it asks for, or as much as any other that does not get all."""
    shares = [0] * len(wanted)
    for place, number in enumerate(sorted(range(len(wanted)), key=wanted.__getitem__)):
        shares[number] = min(wanted[number], total // (len(wanted) - place))
        total -= shares[number]
    return shares


def _first_of(piece: PackedSlice, count: int) -> PackedSlice:
    return piece._replace(addresses=piece.addresses[: count * piece.address_bytes], hosts=piece.hosts[:count])


def _address_count(slices: Sequence[PackedSlice]) -> int:
    return sum(piece.address_count for piece in slices)

"""Which kinds the server serves: the built-in ones, and one for each served version of each definition."""

from __future__ import annotations

from collections.abc import Iterable

from mcs_controller.simcluster.kinds.kind import Kind


class ServedKinds:
    """The kinds by the path segments that address them."""

    def __init__(self, builtin: Iterable[Kind]) -> None:
        self._by_path: dict[tuple[str, str, str], Kind] = {}
        self._by_bucket: dict[tuple[str, str], Kind] = {}
        self.revision = 0
        """Raised whenever the set changes, for those who keep documents about it."""
        for kind in builtin:
            self._add(kind)

    def find(self, group: str, version: str, plural: str) -> Kind | None:
        return self._by_path.get((group, version, plural))

    def of_bucket(self, bucket: tuple[str, str]) -> Kind | None:
        """One of the kinds that share a bucket, for the server's own writes."""
        return self._by_bucket.get(bucket)

    def is_builtin(self, group: str) -> bool:
        """Whether a group is the server's own: there, an unknown resource gets another answer."""
        return any(kind.group == group and not kind.is_custom for kind in self._by_path.values())

    def all(self) -> tuple[Kind, ...]:
        return tuple(self._by_path.values())

    def replace(self, group: str, plural: str, kinds: Iterable[Kind]) -> None:
        """Serve these versions of one resource, and no others."""
        for kind in [one for one in self._by_path.values() if (one.group, one.plural) == (group, plural)]:
            del self._by_path[kind.group, kind.version, kind.plural]
            self._by_bucket.pop(kind.storage, None)
        for kind in kinds:
            self._add(kind)
        self.revision += 1

    def _add(self, kind: Kind) -> None:
        self._by_path[kind.group, kind.version, kind.plural] = kind
        self._by_bucket.setdefault(kind.storage, kind)

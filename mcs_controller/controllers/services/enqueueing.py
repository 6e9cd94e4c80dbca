"""Which service a change in a store is about, and whose doing it is: reconcilers are told nothing else."""

from collections.abc import Callable
from typing import Any, Protocol, TypeVar

from mcs_controller.clusterset.model import ExportRecord, ServiceKey, SourceSlice
from mcs_controller.kube.queue.ready import OWN_LANE, Lane, working_for
from mcs_controller.kube.store import Entry, Store


class _OfService(Protocol):
    @property
    def service(self) -> ServiceKey: ...


_Belonging = TypeVar("_Belonging", bound=_OfService)


def tell_by_name(store: Store[Any], tell: Callable[[ServiceKey], None]) -> None:
    """Tell the service that an object of the store is named for."""

    def changed(old: Entry[Any] | None, new: Entry[Any] | None) -> None:
        entry = new or old
        if entry is not None:
            tell(ServiceKey(entry.namespace, entry.name))

    store.subscribe(changed)


def tell_by_service(
    store: Store[_Belonging],
    tell: Callable[[ServiceKey], None],
    *,
    lane: Callable[[_Belonging], Lane] = lambda value: OWN_LANE,
) -> None:
    """Tell the service that an object of the store belongs to, the old one too if that changed.

    `lane` says whose doing a change of the object is.
    """

    def changed(old: Entry[_Belonging] | None, new: Entry[_Belonging] | None) -> None:
        entry = new or old
        if entry is None:
            return
        with working_for(lane(entry.value)):
            tell(entry.value.service)
            if old is not None and old.value.service != entry.value.service:
                tell(old.value.service)

    store.subscribe(changed)


def member_of(value: ExportRecord | SourceSlice) -> Lane:
    """A member's changes are in a lane of its own, so that however many they are they delay nobody else's."""
    return value.cluster

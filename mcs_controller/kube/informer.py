"""Objects of one kind on one API server, held and kept in step: a store, and the reflector that fills it.

Whoever reads it reads a `Store`, and subscribes there to changes. `run` keeps it in step; when to begin is
the owner's decision.
"""

from collections.abc import Callable, Hashable
from random import Random
from typing import Generic, TypedDict, TypeVar, Unpack

from mcs_controller.kube.client import Client
from mcs_controller.kube.decoding.entries import Decode
from mcs_controller.kube.decoding.field_parser import ObjectParser
from mcs_controller.kube.decoding.object_reader import Admit
from mcs_controller.kube.reflector import Reflector, ResourceOrResolver
from mcs_controller.kube.store import Entry, Store

T = TypeVar("T")


class Scope(TypedDict, total=False):
    """Which objects of the kind, and how they are read: as `Reflector` takes it."""

    namespace: str
    label_selector: str
    field_selector: str
    page_size: int
    first_page_size: int | None
    parse: ObjectParser
    admit: Admit | None


class Informer(Store[T], Generic[T]):
    """`name` is that of metrics and problems; `decode` and `resource` are as `Reflector` has them."""

    def __init__(
        self,
        client: Client,
        resource: ResourceOrResolver,
        decode: Decode[T],
        *,
        name: str,
        random: Random,
        index: Callable[[Entry[T]], Hashable | None] | None = None,
        **scope: Unpack[Scope],
    ) -> None:
        super().__init__(index=index)
        self.name = name
        self.reflector = Reflector(client, resource, self, decode, name=name, random=random, **scope)

    async def run(self) -> None:
        """Keep the objects in step with the server, until cancelled."""
        await self.reflector.run()

    def synced(self) -> bool:
        """Whether a complete list has been applied at least once."""
        return self.reflector.synced()

    async def wait_synced(self) -> None:
        """Wait for the first complete list."""
        await self.reflector.wait_synced()

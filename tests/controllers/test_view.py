"""What the view costs, and that what it keeps is never out of date."""

import gc
import weakref
from time import process_time
from types import SimpleNamespace
from typing import cast

from mcs_controller.clusterset.model import Endpoint, Member, ServiceKey, SourceSlice
from mcs_controller.controllers.membership.members import Membership
from mcs_controller.controllers.services.stores.broker import BrokerStores
from mcs_controller.controllers.services.stores.local import LocalStores
from mcs_controller.controllers.services.stores.own_limits import OwnLimits
from mcs_controller.controllers.services.stores.retained import Retained
from mcs_controller.controllers.services.stores.view import ClustersetView
from mcs_controller.kube.store import Entry, Store
from tests.clusterset.builders import WEB, source_slice


class Stores:
    """A view over stores that a test fills itself."""

    def __init__(self, *slices: SourceSlice, **members: Member) -> None:
        self.members = members
        self.slices: Store[SourceSlice] = Store(index=lambda entry: entry.value.service)
        for one in slices:
            self.hold(one)
        local = SimpleNamespace(cluster_id="west", own_slices=lambda key: (), unread=lambda key: False)
        self.view = ClustersetView(
            cast(LocalStores, local),
            cast(BrokerStores, SimpleNamespace()),
            cast(Retained, SimpleNamespace(slices=self._retained)),
            cast(Membership, SimpleNamespace(member=lambda cluster: self.members.get(cluster))),
            cast(OwnLimits, SimpleNamespace(kept_back=lambda key: False)),
        )

    def _retained(self, key: ServiceKey) -> tuple[SourceSlice, ...]:
        return tuple(entry.value for entry in self.slices.indexed(key))

    def hold(self, one: SourceSlice) -> None:
        self.slices.replace([Entry(one.cluster, one.name, "", "1", one)], "1")

    def addresses(self, key: ServiceKey = WEB) -> list[tuple[str, ...]]:
        return [endpoint.addresses for one in self.view.slices(key) for endpoint in one.content.endpoints]


def test_addresses_of_a_slice_are_looked_at_once_and_not_whenever_its_service_is() -> None:
    endpoints = tuple(Endpoint((f"10.1.{number // 250}.{number % 250 + 1}",)) for number in range(1000))
    stores = Stores(
        source_slice(endpoints=endpoints),
        east=Member("east", allowed_cidrs=("192.0.2.0/24", "10.1.0.0/16")),
    )
    began = process_time()
    assert len(stores.addresses()) == 1000
    first_seconds = process_time() - began
    began = process_time()
    for _ in range(20):
        stores.view.slices(WEB)
    assert (process_time() - began) / 20 < first_seconds / 5


def test_what_was_admitted_of_a_slice_does_not_outlive_the_slice_or_the_members_rights() -> None:
    inside, outside = Endpoint(("10.1.0.1",)), Endpoint(("10.2.0.1",))
    stores = Stores(
        source_slice(endpoints=(inside, outside)), east=Member("east", allowed_cidrs=("10.1.0.0/16",))
    )
    assert stores.addresses() == [("10.1.0.1",)]

    stores.members["east"] = Member("east", allowed_cidrs=("10.2.0.0/16",))
    assert stores.addresses() == [("10.2.0.1",)]

    stores.hold(source_slice(endpoints=(outside, Endpoint(("10.2.0.2",)))))
    assert stores.addresses() == [("10.2.0.1",), ("10.2.0.2",)]

    del stores.members["east"]
    assert stores.addresses() == []

    stores.members["east"] = Member("east")
    assert len(stores.addresses()) == 2


def test_nothing_is_kept_of_the_slices_of_a_service_that_nobody_exports_any_more() -> None:
    class Watched(SourceSlice):
        """Can have weak references."""

    one = source_slice()
    stores = Stores(Watched(one.cluster, one.service, one.name, one.content), east=Member("east"))
    kept = weakref.ref(stores.slices.indexed(WEB)[0].value)
    assert stores.addresses()
    stores.slices.replace([], "2")
    assert stores.view.merge_of(WEB, ()) is None
    gc.collect()
    assert kept() is None

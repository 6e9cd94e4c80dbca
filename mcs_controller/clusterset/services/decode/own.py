"""Objects that we wrote and somebody may have edited. They must always be read, or they are never corrected.

If the decoder of its kind refuses such an object, it is read under its own name as a value that no wanted
object equals. The comparison with the wanted object then leads to a new write. No part of it is used.
"""

from typing import cast

from mcs_controller.api.names import LABEL_SERVICE_NAME, LABEL_SOURCE_CLUSTER
from mcs_controller.clusterset.errors import MalformedObject
from mcs_controller.clusterset.fields import Json, an_object, child, text
from mcs_controller.clusterset.membership.member import source_cluster
from mcs_controller.clusterset.model import (
    AddressFamily,
    Endpoint,
    ExportRecord,
    ImportedSlice,
    ServiceKey,
    SliceContent,
    SourceSlice,
)
from mcs_controller.clusterset.services.decode.broker import exported_service, exported_slice
from mcs_controller.clusterset.services.decode.slices import imported_slice
from mcs_controller.clusterset.syntax import is_dns_label


def own_exported_service(raw: Json) -> ExportRecord:
    """Our ExportedService; if it cannot be read, a record that is not `readable`."""
    try:
        return exported_service(raw)
    except MalformedObject:
        metadata = child(an_object(raw, "object"), "metadata")
        namespace, _, name = text(metadata, "name").partition(".")
        if not (is_dns_label(namespace) and is_dns_label(name)):
            raise
        return ExportRecord(source_cluster(metadata), ServiceKey(namespace, name), "", "Headless", ())


def own_exported_slice(raw: Json) -> SourceSlice:
    """Our ExportedEndpointSlice; if it cannot be read, a slice without a name.

    Its service is the one in its spec. If that is invalid, too, the service has no name, and the namespace
    is the first part of the object's name. Nobody exports such a service, so the object is removed, unless a
    wanted slice has the same name.
    """
    try:
        return exported_slice(raw)
    except MalformedObject:
        metadata, spec = child(an_object(raw, "object"), "metadata"), child(raw, "spec")
        cluster, name = source_cluster(metadata), text(metadata, "name")
        said = ServiceKey(text(spec, "serviceNamespace"), text(spec, "serviceName"))
        if not all(map(is_dns_label, said)):
            said = ServiceKey(name.partition(".")[0], "")
        return SourceSlice(cluster, said, "", SliceContent("IPv4", (), ()))


def own_imported_slice(raw: Json) -> ImportedSlice | None:
    """Our imported slice, None if it is not ours; if it cannot be read, one endpoint without an address."""
    try:
        return imported_slice(raw)
    except MalformedObject:
        metadata = child(an_object(raw, "object"), "metadata")
        labels, family = child(metadata, "labels"), text(raw, "addressType")
        return ImportedSlice(
            ServiceKey(text(metadata, "namespace"), text(labels, LABEL_SERVICE_NAME)),
            text(metadata, "name"),
            text(labels, LABEL_SOURCE_CLUSTER),
            SliceContent(cast(AddressFamily, family), (), (Endpoint(()),)),
        )

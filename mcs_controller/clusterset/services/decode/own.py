"""What we wrote ourselves and somebody edited since: it has to be read in any case, or it is never put right.

An own object that its kind's decoder refuses is read as one that no wanted object equals, under the name that
it has, so that whoever compares it with what it has to be writes it anew. Nothing of it is used.
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
    """Our ExportedService; one that cannot be read is a record that is not `readable`."""
    try:
        return exported_service(raw)
    except MalformedObject:
        metadata = child(an_object(raw, "object"), "metadata")
        namespace, _, name = text(metadata, "name").partition(".")
        if not (is_dns_label(namespace) and is_dns_label(name)):
            raise
        return ExportRecord(source_cluster(metadata), ServiceKey(namespace, name), "", "Headless", ())


def own_exported_slice(raw: Json) -> SourceSlice:
    """Our ExportedEndpointSlice; one that cannot be read is a slice without a name.

    Its service is what it says or, if that is none either, one without a name in the namespace that its own
    name begins with: nobody exports that, and so it is removed unless a slice asks for its place.
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
    """Our imported slice, None when it is not ours; one that cannot be read has an endpoint of no address."""
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

"""From parsed JSON to the values that the rules work on.

An object from another cluster may contain anything: every function here returns a value or raises
`MalformedObject`, and no other error. Unknown fields are ignored, so that objects of a newer writer can be
read. `local` reads local objects, which their API server has validated. `slices` is the hot path. `broker`
checks the broker's kinds as strictly as the API server of an importing cluster. `own` reads objects that we
wrote, even when somebody made them invalid.
"""

from mcs_controller.clusterset.services.decode.broker import exported_service, exported_slice
from mcs_controller.clusterset.services.decode.local import (
    service,
    service_export,
    service_import,
    with_labels,
)
from mcs_controller.clusterset.services.decode.own import (
    own_exported_service,
    own_exported_slice,
    own_imported_slice,
)
from mcs_controller.clusterset.services.decode.slices import (
    ImportedSliceFields,
    SliceFields,
    imported_slice,
    imported_slice_any_manager,
    slice_content,
    source_slice,
)

__all__ = [
    "ImportedSliceFields",
    "SliceFields",
    "exported_service",
    "exported_slice",
    "imported_slice",
    "imported_slice_any_manager",
    "own_exported_service",
    "own_exported_slice",
    "own_imported_slice",
    "service",
    "service_export",
    "service_import",
    "slice_content",
    "source_slice",
    "with_labels",
]

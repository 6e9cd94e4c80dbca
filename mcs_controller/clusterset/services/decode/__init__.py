"""From parsed JSON to the values that the rules work on.

What comes from another cluster may hold anything: every function here returns a value or raises
`MalformedObject`, and nothing else. Unknown fields are passed over, so that a newer writer can be read.
Local objects (`local`) are read as the API server let them through; slices (`slices`) are the hot path;
the broker's kinds (`broker`) are held to what an importing cluster's API server would accept; what we wrote
ourselves (`own`) is read whatever became of it.
"""

from mcs_controller.clusterset.services.decode.broker import exported_service, exported_slice
from mcs_controller.clusterset.services.decode.local import (
    namespace_active,
    service,
    service_export,
    service_import,
)
from mcs_controller.clusterset.services.decode.own import (
    own_exported_service,
    own_exported_slice,
    own_imported_slice,
)
from mcs_controller.clusterset.services.decode.slices import (
    SliceFields,
    imported_slice,
    imported_slice_any_manager,
    slice_content,
    source_slice,
)

__all__ = [
    "SliceFields",
    "exported_service",
    "exported_slice",
    "imported_slice",
    "imported_slice_any_manager",
    "namespace_active",
    "own_exported_service",
    "own_exported_slice",
    "own_imported_slice",
    "service",
    "service_export",
    "service_import",
    "slice_content",
    "source_slice",
]

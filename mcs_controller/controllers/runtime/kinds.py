"""The kinds that controllers share (`Informers.get`): watched once, however many controllers use them."""

from typing import Final

from mcs_controller.api.resources import NAMESPACES
from mcs_controller.clusterset.namespaces import namespace_active, namespace_labels
from mcs_controller.controllers.runtime.informers import Kind

ACTIVE_NAMESPACES: Final = Kind("namespaces", lambda client: NAMESPACES, namespace_active)
"""Whether objects can be created in each namespace."""

NAMESPACE_LABELS: Final = Kind("namespace-labels", lambda client: NAMESPACES, namespace_labels)
"""The labels of each namespace, for policies that select by them."""

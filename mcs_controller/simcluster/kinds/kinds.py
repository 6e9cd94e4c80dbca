"""The kinds that the simulated API server can serve, in one place to import from.

What a kind is: `resource_kind.py`. The built-in ones: `builtin_kinds.py`. Those of CRDs: `crd_kinds.py`.
"""

from mcs_controller.simcluster.kinds.builtin_kinds import BUILTIN_KINDS
from mcs_controller.simcluster.kinds.crd_kinds import kinds_of_crd
from mcs_controller.simcluster.kinds.resource_kind import Column, Context, Kind

__all__ = ["BUILTIN_KINDS", "Column", "Context", "Kind", "kinds_of_crd"]

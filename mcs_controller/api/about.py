"""The About API, group about.k8s.io: ClusterProperty, by which a cluster says who it is (KEP-2149).

A property's key is its object's name, its value is `spec.value`. The schema says what upstream's says, also
where KEP-2149 asks for more: a cluster may have upstream's definition, so that whoever writes checks.
"""

from typing import Annotated, Literal

from pydantic import StringConstraints

from mcs_controller.api.meta import WireModel, WireObject

AboutApiVersion = Literal["about.k8s.io/v1beta1", "about.k8s.io/v1alpha1"]


class ClusterPropertySpec(WireModel):
    """What the property says."""

    value: Annotated[str, StringConstraints(min_length=1)]
    """Value of the property; its name is the name of the object."""


class ClusterPropertyStatus(WireModel):
    """Nothing: the API has no status of a property yet."""


class ClusterProperty(WireObject):
    """One thing that the cluster says of itself, such as its name or its clusterset."""

    api_version: AboutApiVersion = "about.k8s.io/v1beta1"
    kind: Literal["ClusterProperty"] = "ClusterProperty"
    spec: ClusterPropertySpec | None = None
    """What the property says."""
    status: ClusterPropertyStatus | None = None
    """Nothing: the API has no status of a property yet."""

"""Which version of the MCS API to speak with a cluster (MCS-API-14).

Asked anew whenever it matters, never remembered here: a CRD may be installed, or change its versions,
while the program runs.
"""

from mcs_controller.api.resources import MCS_GROUP, MCS_VERSIONS
from mcs_controller.kube.client import Client


async def preferred_mcs_version(client: Client) -> str | None:
    """The best version of the MCS API that is served now; None while the CRDs are not installed."""
    served = await client.served_versions(MCS_GROUP)
    return next((version for version in MCS_VERSIONS if version in served), None)

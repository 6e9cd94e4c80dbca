"""How one API server is reached, and as whom: what every kind of configuration comes down to.

It is found in a pod (`in_cluster.py`), in a plain kubeconfig (`plain_kubeconfig.py`) or in any other
(`kubeconfig.py`); `config.py` makes a transport of it. Importing this loads no Kubernetes library.
"""

from typing import NamedTuple

from mcs_controller.kube.connection.credentials import Credential
from mcs_controller.kube.connection.tls import TlsSettings


class ConnectionSettings(NamedTuple):
    """The API server's URL without a slash at its end, and what a connection to it needs."""

    server: str
    tls: TlsSettings
    credential: Credential
    proxy: str | None
    disable_compression: bool = False
    """Whether answers, lists above all, come as they are: for a server that is near, and short of CPU."""

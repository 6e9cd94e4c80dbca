"""`secretreader`: a token stands in a Secret of the consumer's that is named like the cluster (CP-31).

The profile's extension says `{"clusterName": NAME}`; the token is `data.token` of the Secret NAME.
"""

from typing import Final

from mcs_controller.access.errors import PluginError
from mcs_controller.access.plugins.protocol import ExecInfo
from mcs_controller.access.plugins.secrets import read_key, required
from mcs_controller.kube.client import Client
from mcs_controller.kube.connection.credentials import bearer
from mcs_controller.kube.errors import ConfigError

NAME: Final = "secretreader"
KEY: Final = "token"


async def credential(client: Client, namespace: str, info: ExecInfo) -> dict[str, str]:
    """The token. Raises `PluginError`, `KubeError`."""
    name = required(info.config, "clusterName")
    return {"token": token_text(await read_key(client, namespace, name, KEY), f"Secret {namespace}/{name}")}


def token_text(content: bytes | str, source: str) -> str:
    """The token without the newline that files end with. Raises `PluginError`, without the content."""
    try:
        text = content if isinstance(content, str) else content.decode("ascii")
        return bearer(text, source).removeprefix("Bearer ")
    except UnicodeDecodeError:
        raise PluginError(f"{source} holds no bearer token") from None
    except ConfigError as error:
        raise PluginError(str(error)) from error

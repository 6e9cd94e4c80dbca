"""Imported slices as the API server gives them."""

from typing import Any

Json = dict[str, Any]


def slice_of(*endpoints: object, **fields: object) -> Json:
    return {
        "metadata": {
            "name": "web-east-x",
            "namespace": "shop",
            "labels": {
                "multicluster.kubernetes.io/service-name": "web",
                "multicluster.kubernetes.io/source-cluster": "east",
            },
        },
        "addressType": "IPv4",
        "ports": [{"name": "http", "port": 80, "protocol": "TCP"}],
        "endpoints": [*endpoints],
    } | fields


def endpoint(address: object = "10.0.0.1", **fields: object) -> Json:
    return {"addresses": [address], "conditions": {"ready": True}} | fields

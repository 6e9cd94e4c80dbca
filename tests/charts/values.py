"""Values with which the charts are rendered in the tests: what an operator might choose."""

from __future__ import annotations

from tests.charts.rendering import JsonObject

DIGEST = "sha256:" + "0123456789abcdef" * 4

EVERYTHING: JsonObject = {
    "image": {"repository": "example.com/mcs-controller", "digest": DIGEST, "pullSecrets": ["pull"]},
    "broker": {"secretName": "east-on-broker", "secretKey": "config"},
    "clusterDns": {"install": True, "dnsNamespace": "dns-system"},
    "propertiesPolicy": {"enabled": True},
    "rbac": {
        "agentExtraRules": [
            {
                "apiGroups": ["discovery.k8s.io"],
                "resources": ["endpointslices/restricted"],
                "verbs": ["create"],
            }
        ]
    },
    "agent": {
        "config": {
            "clusterId": "east",
            "excludeMetadata": ["example.com/", "team"],
            "importReservedNamespaces": ["default"],
            "exportPolicies": True,
            "serviceExportPolicies": True,
            "manageProperties": True,
            "reportToInventory": True,
            "leaseName": "east.agent",
            "http": "0.0.0.0:9090",
            "statusPage": ":9091",
        },
        "replicas": 3,
        "priorityClassName": "system-cluster-critical",
        "nodeSelector": {"kubernetes.io/os": "linux"},
        "tolerations": [{"key": "dedicated", "operator": "Exists"}],
        "affinity": {
            "nodeAffinity": {
                "preferredDuringSchedulingIgnoredDuringExecution": [
                    {
                        "weight": 1,
                        "preference": {"matchExpressions": [{"key": "gpu", "operator": "DoesNotExist"}]},
                    }
                ]
            }
        },
        "podLabels": {"team": "network", "app.kubernetes.io/component": "somebody-else"},
        "podAnnotations": {"example.com/owner": "network"},
        "extraVolumes": [{"name": "extra", "emptyDir": {}}],
        "extraVolumeMounts": [{"name": "extra", "mountPath": "/extra"}],
    },
    "dns": {
        "config": {
            "snapshot": "/var/lib/mcs/zone",
            "drainSeconds": 7.5,
            "listen": ["0.0.0.0:5353", "[::]:5353"],
        },
        "replicas": 5,
        "service": {
            "clusterIP": "10.96.0.53",
            "ipFamilyPolicy": "SingleStack",
            "annotations": {"example.com/owner": "network"},
        },
        "topologySpreadConstraints": [
            {
                "maxSkew": 1,
                "topologyKey": "topology.kubernetes.io/zone",
                "whenUnsatisfiable": "DoNotSchedule",
                "labelSelector": {"matchLabels": {"app.kubernetes.io/component": "dns"}},
            }
        ],
        "extraVolumes": [{"name": "extra", "emptyDir": {}}],
        "extraVolumeMounts": [{"name": "extra", "mountPath": "/extra"}],
    },
    "networkPolicy": {
        "metricsFrom": [
            {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "monitoring"}}}
        ],
        "statusPageFrom": [{"podSelector": {"matchLabels": {"app": "ingress"}}}],
        "egress": [{"ports": [{"port": 6443, "protocol": "TCP"}]}],
    },
    "monitoring": {
        "serviceMonitor": {"enabled": True, "interval": "15s", "labels": {"release": "prometheus"}},
        "prometheusRule": {"enabled": True, "labels": {"release": "prometheus"}},
        "dashboard": {"enabled": True, "annotations": {"folder": "Network"}},
    },
}
MINIMAL: JsonObject = {
    "broker": {"renew": False},
    "crds": {"install": False},
    "rbac": {"users": False},
    "agent": {
        "replicas": 1,
        "config": {"leaderElect": False, "controllers": ["-properties"]},
        "resources": {},
    },
    "dns": {"replicas": 1, "resources": {}},
    "networkPolicy": {"enabled": False},
}
OPENSHIFT: JsonObject = {
    "podSecurityContext": {"runAsUser": None, "runAsGroup": None, "fsGroup": None},
    "agent": {"config": {"brokerKubeconfig": "/broker/config", "leaseNamespace": "leases"}},
}
LEAVING: JsonObject = {
    "leave": {"onUninstall": True, "waitSeconds": 60},
    "clusterDns": {"install": True, "dnsNamespace": "dns-system"},
}
CASES = {
    "defaults": {},
    "everything": EVERYTHING,
    "minimal": MINIMAL,
    "openshift": OPENSHIFT,
    "leaving": LEAVING,
}

BROKER_CASES: dict[str, JsonObject] = {
    "defaults": {},
    "members": {
        "clusterset": "prod",
        "members": ["east", "west-1"],
        "memberQuota": {"count/exportedservices.broker.mcs-controller.io": "5000"},
        "image": {"tag": "edge", "pullSecrets": ["pull"]},
        "nodeSelector": {"kubernetes.io/os": "linux"},
        "tolerations": [{"key": "dedicated", "operator": "Exists"}],
    },
    "kinds-by-hand": {"crds": {"install": False}},
    "inventory": {"hub": {"enabled": True}},
    "inventory-of-one's-own": {
        "image": {"digest": DIGEST},
        "hub": {
            "enabled": True,
            "config": {
                "inventoryNamespace": "leases",
                "clusterManager": "platform",
                "leaseName": "the.hub",
                "leaseNamespace": "leases",
                "http": "0.0.0.0:9090",
            },
            "replicas": 3,
            "priorityClassName": "system-cluster-critical",
            "affinity": {"podAntiAffinity": {}},
            "podLabels": {"team": "network", "app.kubernetes.io/component": "somebody-else"},
            "podAnnotations": {"example.com/owner": "network"},
            "extraVolumes": [{"name": "extra", "emptyDir": {}}],
            "extraVolumeMounts": [{"name": "extra", "mountPath": "/extra"}],
        },
        "networkPolicy": {
            "metricsFrom": [
                {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "monitoring"}}}
            ],
            "egress": [{"ports": [{"port": 6443, "protocol": "TCP"}]}],
        },
    },
    "a-single-hub": {
        "crds": {"install": False},
        "hub": {"enabled": True, "replicas": 1, "config": {"leaderElect": False}},
        "networkPolicy": {"enabled": False},
        "monitoring": {"serviceMonitor": {"enabled": True, "labels": {"release": "prometheus"}}},
    },
}

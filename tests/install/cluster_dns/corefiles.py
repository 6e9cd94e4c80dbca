"""Corefiles as they are found in clusters."""

from __future__ import annotations

KUBEADM = """\
.:53 {
    errors
    health {
       lameduck 5s
    }
    ready
    kubernetes cluster.local in-addr.arpa ip6.arpa {
       pods insecure
       fallthrough in-addr.arpa ip6.arpa
       ttl 30
    }
    prometheus :9153
    forward . /etc/resolv.conf {
       max_concurrent 1000
    }
    cache 30
    loop
    reload
    loadbalance
}
"""
NODE_LOCAL = """\
cluster.local:53 {
    errors
    cache {
        success 9984 30
        denial 9984 5
    }
    reload
    bind 169.254.20.10 10.96.0.10
    forward . __PILLAR__CLUSTER__DNS__ {
        force_tcp
    }
}
.:53 {
    errors
    cache 30
    bind 169.254.20.10 10.96.0.10
    forward . __PILLAR__UPSTREAM__SERVERS__
}
"""
BY_HAND = """\
# { a brace in a comment
import snippets/*.conf
(logs) {
    log . "{remote} says \\"{name}\\" # not a comment"
}
corp.example, Internal.Example.:53 {
    import logs
    forward . 10.0.0.1
}

dns://.:1053,
tls://.:853
{
    import logs   # as above
    kubernetes cluster.local
}"""
UNUSUAL = {
    "as kubeadm makes it": KUBEADM,
    "NodeLocal DNSCache": NODE_LOCAL,
    "written by hand, without an end of the last line": BY_HAND,
    "lines that end as on Windows": KUBEADM.replace("\n", "\r\n"),
    "port from the environment": KUBEADM.replace(".:53", ".:{$PORT}"),
    "comments only": "# nothing yet\n",
    "empty": "",
}

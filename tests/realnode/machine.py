"""Whether this machine can have whole clusters, and with which programs."""

from __future__ import annotations

import functools
import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from tests.realkube.binaries import Binaries, BinariesMissingError, locate_binaries
from tests.realnode.cgroups import ROOT as CGROUPS

NODE_PROGRAMS = ("kube-scheduler", "kubelet", "kube-proxy", "agnhost", "coredns")
TOOLS = ("containerd", "ctr", "runc", "nft", "ip", "nsenter", "unshare", "setpriv", "dig")
CNI_FOLDERS = (Path("/usr/lib/cni"), Path("/opt/cni/bin"))
CNI_PLUGINS = ("ptp", "host-local", "loopback")
_NAMESPACES = ("unshare", "--net", "--mount", "--mount-proc", "--pid", "--fork", "--kill-child")


class MachineError(Exception):
    """One line that says why this machine can have no whole clusters."""


@dataclass(frozen=True, slots=True)
class Machine:
    binaries: Binaries
    cni_plugins: Path

    @property
    def programs(self) -> Path:
        return self.binaries.folder


@functools.cache
def look_at_machine() -> Machine:
    try:
        binaries = locate_binaries()
    except BinariesMissingError as missing:
        raise MachineError(str(missing)) from None
    absent = [name for name in NODE_PROGRAMS if not os.access(binaries.folder / name, os.X_OK)]
    if absent:
        raise MachineError(f"{binaries.folder} has no {', '.join(absent)}")
    if os.geteuid() != 0:
        raise MachineError("only root can make network namespaces and run containers")
    tools = [name for name in TOOLS if shutil.which(name) is None]
    if tools:
        raise MachineError(f"not installed: {', '.join(tools)} (`make packages`)")
    for folder in CNI_FOLDERS:
        if all(os.access(folder / name, os.X_OK) for name in CNI_PLUGINS):
            break
    else:
        raise MachineError(f"no CNI plugins in {' or '.join(map(str, CNI_FOLDERS))} (`make packages`)")
    if not Path("/proc/sys/net/ipv6").is_dir():
        raise MachineError("this kernel has no IPv6")
    if not os.access(CGROUPS, os.W_OK):
        raise MachineError(f"{CGROUPS} cannot be written")
    _try(["sh", "-c", "mount -t tmpfs none /run && ip link add type veth && nft list ruleset"])
    return Machine(binaries, folder)


def _try(argv: list[str]) -> None:
    """All that a node needs of the kernel, in namespaces that are gone with the command."""
    tried = subprocess.run([*_NAMESPACES, *argv], capture_output=True, text=True, check=False)
    if tried.returncode != 0:
        reason = tried.stderr.strip().splitlines() or [f"exit code {tried.returncode}"]
        raise MachineError(f"namespaces cannot be made or used here: {reason[-1]}")

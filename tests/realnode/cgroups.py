"""The run's own control groups: the one thing of pods that no namespace takes along when it ends.

All containers of the run are below one group with a name of its own: their nodes take that one for the
root, since containerd puts containers where it likes while kubelet does not manage groups. A guardian,
which is no child to be killed with us, waits for the end of a pipe that only we hold open, and removes
that group: so it does after a clean stop, a Ctrl-C and a `kill -9` alike.
"""

from __future__ import annotations

import subprocess
from pathlib import Path

ROOT = Path("/sys/fs/cgroup")
REMOVE_TIMEOUT_S = 20
# Groups can be removed once the processes in them are gone, which may still be dying.
_GUARD = """
cat >/dev/null
tries=0
while [ $tries -lt 100 ]; do
  find "$1" -depth -type d \\( -path "*/$2" -o -path "*/$2/*" \\) -exec rmdir {} + 2>/dev/null
  [ -n "$(find "$1" -type d -name "$2" -print -quit 2>/dev/null)" ] || exit 0
  tries=$((tries + 1))
  sleep 0.1
done
exit 1
"""


def within(group: str, scratch: str) -> str:
    """Shell code that makes this group, in every hierarchy, the root that the mount namespace shows.

    `scratch` is a path for a folder that nothing else uses.
    """
    return f"""
mounts=$(cat /proc/self/mounts)
while read -r _ at type _; do
  case $type in cgroup|cgroup2) ;; *) continue ;; esac
  mkdir -p "$at/{group}"
  # A new group of this controller takes no process until it is told on which CPUs.
  for file in cpuset.cpus cpuset.mems; do
    [ ! -e "$at/$file" ] || cat "$at/$file" >"$at/{group}/$file"
  done
  # Not on top of the other: runc would find that one, and the paths of this one not in it.
  mkdir -p {scratch}
  mount --bind "$at/{group}" {scratch}
  umount "$at"
  mount --move {scratch} "$at"
done <<END
$mounts
END
"""


def groups(name: str) -> list[Path]:
    """The groups of that name at the root of each hierarchy; with version 2 there is but one."""
    return [group for group in (ROOT / name, *ROOT.glob(f"*/{name}")) if group.is_dir()]


class CgroupGuardian:
    def __init__(self, run_name: str) -> None:
        """Watches from now on over the control groups below /`run_name`, in every hierarchy."""
        self._process = subprocess.Popen(
            ["sh", "-c", _GUARD, "guardian", str(ROOT), run_name],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    def release(self) -> None:
        """Removes them, after all of the run's containers have ended."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(REMOVE_TIMEOUT_S)

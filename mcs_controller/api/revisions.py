"""Which of two CustomResourceDefinitions is newer, by the labels that they carry (MCS-API-06).

A release, such as v0.5.0, and within it a schema revision that rises with each change. A definition without
them, or with something that is neither, is older than any that has them: the labels of the MCS API came with
v0.3.0, and our own kinds always had theirs. Other APIs have no such labels: there one that does not carry our
own is somebody else's, and may be newer than ours, or older.
"""

import re
from typing import Any, Final, Literal

from mcs_controller.api.resources import POLICY_GROUP

JsonObject = dict[str, Any]
Verdict = Literal["missing", "older", "equal", "newer", "foreign"]
Revision = tuple[tuple[int, int, int], bool, int]

_RELEASE: Final = re.compile(r"v(\d{1,6})\.(\d{1,6})\.(\d{1,6})(-.*)?")
_NONE: Final[Revision] = ((0, 0, 0), False, -1)
_REVISION: Final = "crd-schema-revision"
OUR_REVISION: Final = f"{POLICY_GROUP}/{_REVISION}"
"""The label of a definition that we installed, of an API that is not ours."""


def verdict(installed: JsonObject | None, ours: JsonObject) -> Verdict:
    """What the installed definition is, seen from ours."""
    if installed is None:
        return "missing"
    domain = _domain(ours)
    if domain != ours["spec"]["group"] and f"{domain}/{_REVISION}" not in _labels(installed):
        return "foreign"
    theirs, own = _revision(installed, domain), _revision(ours, domain)
    if theirs == own:
        return "equal"
    return "older" if theirs < own else "newer"


def _domain(ours: JsonObject) -> str:
    """Whose label says the revision: that of the group, or ours."""
    (label,) = (key for key in _labels(ours) if key.endswith(f"/{_REVISION}"))
    return label.partition("/")[0]


def _revision(crd: JsonObject, domain: str) -> Revision:
    """Comparable; a pre-release comes before its release."""
    labels = _labels(crd)
    revision = str(labels.get(f"{domain}/{_REVISION}", ""))
    if not (revision.isascii() and revision.isdigit() and len(revision) <= 6):
        return _NONE
    release = labels.get(f"{domain}/release-version")
    if release is None:
        return (0, 0, 0), True, int(revision)
    found = _RELEASE.fullmatch(str(release))
    if found is None:
        return _NONE
    major, minor, patch, pre_release = found.groups()
    return (int(major), int(minor), int(patch)), pre_release is None, int(revision)


def _labels(crd: JsonObject) -> dict[str, str]:
    return crd["metadata"].get("labels") or {}

"""Which of two CustomResourceDefinitions is newer, by the labels that they carry (MCS-API-06).

A release, such as v0.5.0, and within it a schema revision that rises with each change. A definition without
them, or with something that is neither, is older than any that has them: the labels came with v0.3.0.
"""

import re
from typing import Any, Final, Literal

JsonObject = dict[str, Any]
Verdict = Literal["missing", "older", "equal", "newer"]
Revision = tuple[tuple[int, int, int], bool, int]

_RELEASE: Final = re.compile(r"v(\d{1,6})\.(\d{1,6})\.(\d{1,6})(-.*)?")
_NONE: Final[Revision] = ((0, 0, 0), False, -1)


def revision_of(crd: JsonObject) -> Revision:
    """Comparable; a pre-release comes before its release."""
    group = crd["spec"]["group"]
    labels = crd["metadata"].get("labels") or {}
    revision = str(labels.get(f"{group}/crd-schema-revision", ""))
    if not (revision.isascii() and revision.isdigit() and len(revision) <= 6):
        return _NONE
    release = labels.get(f"{group}/release-version")
    if release is None:
        return (0, 0, 0), True, int(revision)
    found = _RELEASE.fullmatch(str(release))
    if found is None:
        return _NONE
    major, minor, patch, pre_release = found.groups()
    return (int(major), int(minor), int(patch)), pre_release is None, int(revision)


def verdict(installed: JsonObject | None, ours: JsonObject) -> Verdict:
    """What the installed definition is, seen from ours."""
    if installed is None:
        return "missing"
    theirs, own = revision_of(installed), revision_of(ours)
    if theirs == own:
        return "equal"
    return "older" if theirs < own else "newer"

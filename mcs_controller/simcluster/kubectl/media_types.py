"""The `Accept` header: which representations a client takes, most wanted first."""

from __future__ import annotations

from typing import NamedTuple


class MediaType(NamedTuple):
    name: str
    parameters: dict[str, str]

    @property
    def quality(self) -> float:
        try:
            return float(self.parameters.get("q", "1"))
        except ValueError:
            return 0.0


def accepted_types(accept: str) -> list[MediaType]:
    """In order of quality, then of mention; an empty header takes everything."""
    parsed = [_parse(part) for part in (accept or "*/*").split(",") if part.strip()]
    return sorted(parsed, key=lambda one: -one.quality)


def _parse(text: str) -> MediaType:
    name, *rest = (part.strip() for part in text.split(";"))
    pairs = (part.partition("=") for part in rest)
    return MediaType(name.lower(), {key.strip().lower(): value.strip() for key, _, value in pairs})

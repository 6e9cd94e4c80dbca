"""What looks like a credential is taken out of a text before anybody is shown it.

Texts come from outside (an exec plugin's complaint, a proxy's answer, a URL that somebody wrote) and go to
logs, conditions and /readyz, which anybody may read. So whatever is to be cut short is masked first: of half
a URL it cannot be told where its password is. Rather too much is masked than too little: of a value without
quotes, all up to the next blank. Whatever the text is, the time grows with its length and no faster.

A token that looks like any other word is known only to whoever reads it. So each credential that this process
loads is remembered here (`remember_secret`) and masked wherever it stands: an API server, or a proxy before
it, may repeat it in an answer.
"""

import json
import re
from typing import Final
from urllib.parse import quote

MASK: Final = "***"

SECRET_MIN_CHARS: Final = 6
"""A shorter one would mask ordinary words."""

_REMEMBERED_MAX: Final = 256
"""Spellings, up to three of each secret. A token is replaced every few minutes at most."""

_remembered: dict[str, None] = {}

_HINTS: Final = (
    "bearer", "authoriz", "cookie", "pass", "pwd", "secret", "token", "key", "credential", "jwt", "signature",
    "sig", "eyj", "ls0t", "k8s-aws", "sha256~", "hvs.", "glpat-", "github_pat_", "xox",
    "gho_", "ghp_", "ghr_", "ghs_", "ghu_",
)  # fmt: skip

# What follows the word is a closed list: `shop/token-api: 409` holds no secret, nor does `secrets: 3`.
_NAMES: Final = (
    r"(?:(?:(?<![a-z])|(?<=%[0-9a-f][0-9a-f]))(?:pass|sig)|passw(?:or)?d|pass[_.-]?(?:phrase|code)"
    r"|pwd|secret|token|jwt|credentials?"
    r"|(?:api|app|auth|access|account|secret|private|shared|encryption|signing|client|storage|master|session"
    r"|subscription)[_.-]?key|signature)"
    r"(?:[_.-]?(?:access|key|id|data|value|hash|text|string|\d{1,4}))*"
)
# In quotes that are themselves within quotes the end is the same quote with the same backslashes.
_VALUE: Final = (
    r"(?:(?P<{0}outer>\\+[\"'])(?:(?!(?P={0}outer)).)*"
    r"|(?P<{0}quote>[\"'])(?:\\.|(?!(?P={0}quote)).)*"
    r"|\S+)"
)
_SECRET: Final = re.compile(
    r"(?P<header>\b(?:(?:proxy-)?authorization|(?:set-)?cookie)(?:\\*[\"'])?\s*[:=]\s*(?:\\*[\"'])?)"
    r"[^\"'\r\n\\]+"
    r"|(?P<bearer>\bbearer\s+)[^\s\"',;]{8,}"
    rf"|(?P<name>{_NAMES}(?:\\*[\"'])?\s*(?:[:=]|%3[ad])\s*){_VALUE.format('n')}"
    rf"|(?P<flag>(?<![\w-])--[\w.-]{{0,40}}?{_NAMES}\s+)(?!-){_VALUE.format('f')}"
    r"|(?<![A-Za-z0-9])(?:"
    r"eyJ[\w-]{8,}(?:\.[\w-]*){0,2}"
    r"|LS0tLS1CRUdJTi[\w+/=-]*"
    r"|k8s-aws-v\d\.[\w-]+|sha256~[\w-]{16,}|hvs\.[\w-]{16,}|glpat-[\w-]{16,}"
    r"|gh[oprsu]_\w{16,}|github_pat_\w{16,}"
    r"|xox[a-z]-[\w-]{8,})"
    r"|-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)",
    re.IGNORECASE | re.DOTALL,
)
_RANDOM_WORD: Final = re.compile(
    r"(?<![\w+/=.~-])(?:[0-9a-f]{32,}(?![\w+/=.~-])"
    r"|(?=[\w+/=.~-]*[a-z])(?=[\w+/=.~-]*[A-Z])(?=[\w+/=.~-]*[0-9])[\w+=~-][\w+/=.~-]{19,})"
)
_SECRET_NAME: Final = re.compile(_NAMES, re.IGNORECASE)
_URL: Final = re.compile(r"://[^\s\"']+")


def remember_secret(secret: str) -> None:
    """From now on `secret` is masked wherever it stands, also as JSON or a URL would write it.

    The last ones are remembered, in this process, for good. One of fewer than `SECRET_MIN_CHARS` is not.
    """
    if len(secret) < SECRET_MIN_CHARS:
        return
    for spelling in (secret, json.dumps(secret)[1:-1], quote(secret, safe="")):
        _remembered.pop(spelling, None)
        _remembered[spelling] = None
    while len(_remembered) > _REMEMBERED_MAX:
        del _remembered[next(iter(_remembered))]


def is_secret_name(name: str) -> bool:
    """Whether what has this name, such as an environment variable, is probably a credential."""
    return _SECRET_NAME.search(name) is not None


def mask_secrets(text: str) -> str:
    """`text` with every remembered secret, and anything that looks like one, replaced by `***`."""
    found = [secret for secret in _remembered if secret in text]
    # The longest first: one may be the beginning of another.
    for secret in sorted(found, key=len, reverse=True):
        text = text.replace(secret, MASK)
    text = mask_userinfo(text)
    lowered = text.lower()
    # The expression costs 30 us on an ordinary line, the hints under one.
    if not any(hint in lowered for hint in _HINTS):
        return text
    return _SECRET.sub(_mask, text)


def mask_userinfo(text: str) -> str:
    """`text` with the user name and password of each URL in it replaced by `***`, and all else as it is."""
    return _URL.sub(_mask_userinfo, text) if "@" in text and "://" in text else text


def mask_random_words(text: str) -> str:
    """`text` with every long word masked that looks random: digits, capitals and small letters, or hex.

    For the words of a program that handles credentials, and may print one that nobody has seen before.
    """
    return _RANDOM_WORD.sub(MASK, text)


def _mask_userinfo(match: re.Match[str]) -> str:
    """All up to the last @, which a password may hold, too, as it may a slash.

    Behind a = or a ? the @ may be in the middle of a secret: nothing of the rest is shown then.
    """
    before, at, rest = match[0].rpartition("@")
    if not at:
        return match[0]
    return f"://{MASK}" if "=" in before or "?" in before else f"://{MASK}@{rest}"


def _mask(match: re.Match[str]) -> str:
    before = next((match[group] for group in ("header", "bearer", "name", "flag") if match[group]), "")
    quote = next((match[group] for group in ("nouter", "nquote", "fouter", "fquote") if match[group]), "")
    return f"{before}{quote}{MASK}"

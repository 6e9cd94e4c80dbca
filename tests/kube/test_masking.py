"""Whatever a credential looks like, and wherever in a text it stands, nobody is shown it."""

import json
import time
from collections.abc import Callable
from urllib.parse import quote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mcs_controller.observe import masking
from mcs_controller.observe.masking import (
    SECRET_MIN_CHARS,
    is_secret_name,
    mask_random_words,
    mask_secrets,
    remember_secret,
)

NAMES = [
    "password", "PASSWORD", "db_password", "DB_PASSWORD", "MYSQL_ROOT_PASSWORD", "passwd", "db_pass", "pwd",
    "passphrase", "secret", "client_secret", "clientSecret", "aws_secret_access_key", "SecretAccessKey",
    "access_key", "accessKey", "access_key_id", "AccountKey", "SharedAccessKey", "api_key", "apikey",
    "apiKey",
    "x-api-key", "X-API-Key", "private_key", "privateKey", "client-key-data", "token", "id_token",
    "refresh-token",
    "accessToken", "session_token", "X-Amz-Security-Token", "X-Amz-Signature", "sig", "credentials", "jwt",
    "password1", "secret_value", "ssh.private.key", "signing-key", "master_key",
]  # fmt: skip

FORMS: dict[str, Callable[[str, str], str]] = {
    "assignment": lambda name, secret: f"cannot log in: {name}={secret} user=east",
    "colon": lambda name, secret: f"{name}: {secret}",
    "spaces": lambda name, secret: f"tried {name} = {secret} twice",
    "query": lambda name, secret: f"GET https://broker:6443/login?{name}={secret}&user=east",
    "after others": lambda name, secret: f"host=a;{name}={secret}",
    "escaped query": lambda name, secret: f"redirect=%2Fx%3F{name}%3D{secret}",
    "flag": lambda name, secret: f"aws --{name.lower()} {secret} get-token failed",
    "own line": lambda name, secret: f"config:\n  {name}: {secret}\nend",
}

QUOTED_FORMS: dict[str, Callable[[str, str], str]] = {
    "JSON": lambda name, secret: json.dumps({"user": "east", name: secret, "n": 1}),
    "compact JSON": lambda name, secret: json.dumps({name: secret, "n": 1}, separators=(",", ":")),
    "JSON in JSON": lambda name, secret: json.dumps({"detail": json.dumps({name: secret})}),
    "Python": lambda name, secret: f"refused: { ({'user': 'east', name: secret})!r}",
    "flag": lambda name, secret: f"run --{name.lower()} {json.dumps(secret)} now",
}

words = st.text(
    st.characters(exclude_categories=("Z", "C"), exclude_characters="\"'"), min_size=4, max_size=40
).filter(lambda text: not text.startswith(("-", "\\")) and "*" not in text)
sentences = st.text(st.characters(codec="utf-8"), min_size=6, max_size=40).filter(
    lambda text: "*" not in text
)


def spellings(secret: str) -> set[str]:
    """How JSON and Python write it, once and twice."""
    once = json.dumps(secret)[1:-1]
    return {secret, once, json.dumps(once)[1:-1], repr(secret)[1:-1]}


def is_told(secret: str, name: str, form: Callable[[str, str], str]) -> bool:
    """Whether it is in the text although it is not in what surrounds it."""
    text, around = mask_secrets(form(name, secret)), form(name, "")
    return any(each in text and each not in around for each in spellings(secret))


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("name", NAMES)
def test_the_value_of_a_name_that_says_secret_is_masked(name: str, form: str) -> None:
    assert not is_told("hunter2/+=hunter2", name, FORMS[form]), mask_secrets(FORMS[form](name, "hunter2"))


@settings(deadline=None)
@given(words, st.sampled_from(NAMES), st.sampled_from(sorted(FORMS)))
def test_whatever_the_word_is_it_is_masked(secret: str, name: str, form: str) -> None:
    assert not is_told(secret, name, FORMS[form]), mask_secrets(FORMS[form](name, secret))


@settings(deadline=None)
@given(sentences, st.sampled_from(NAMES), st.sampled_from(sorted(QUOTED_FORMS)))
def test_whatever_is_in_quotes_is_masked(secret: str, name: str, form: str) -> None:
    assert not is_told(secret, name, QUOTED_FORMS[form]), mask_secrets(QUOTED_FORMS[form](name, secret))


@settings(deadline=None)
@given(
    words, st.sampled_from(["https", "http", "socks5", "postgres"]), st.sampled_from(["u:", "", "u@x:", ":"])
)
def test_whatever_stands_before_a_host_in_a_url_is_masked(secret: str, scheme: str, user: str) -> None:
    text = mask_secrets(f"GET {scheme}://{user}{secret}@broker:6443/api?watch=true: refused")

    shown = "***@broker:6443/api?watch=true:" if {"=", "?"}.isdisjoint(secret) else "***"
    assert text == f"GET {scheme}://{shown} refused"


@pytest.mark.parametrize(
    "text",
    [
        "://u:hunter2@ss@host",
        "GET https://broker/login?password=x@hunter2&user=east",
        "GET https://broker/login;password=hunter2@hunter2",
        "Authorization: Bearer hunter2",
        "authorization: Basic hunter2hunter2==, next",
        "Authorization: Digest username=east, response=hunter2",
        "{'authorization': 'Negotiate hunter2'}",
        "Proxy-Authorization: Basic hunter2",
        "Cookie: session=hunter2; other=hunter2",
        "refused eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJzeXN0ZW0ifQ.hunter2 now",
        "eyJhbGciOiJSUzI1NiJ9hunter2",
        "k8s-aws-v1.hunter2 is expired",
        "sha256~hunter2hunter2hunter2",
        "hvs.hunter2hunter2hunter2",
        "ghp_hunter2hunter2hunter2",
        "glpat-hunter2hunter2hunter2",
        "LS0tLS1CRUdJTiBFQyBQUklWQVRFhunter2==",
        "-----BEGIN RSA PRIVATE KEY-----\nhunter2\n-----END RSA PRIVATE KEY-----",
        "-----BEGIN EC PRIVATE KEY-----\nhunter2 and no end",
    ],
)
def test_a_credential_that_has_no_name_is_known_by_its_form(text: str) -> None:
    assert "hunter2" not in mask_secrets(text)
    assert "***" in mask_secrets(text)


@pytest.mark.parametrize(
    "text",
    [
        "the continue key of shop/secret-store is fine",
        "https://10.0.0.1:6443/apis",
        'secrets "shop" is forbidden: User "east" cannot list resource "secrets"',
        "the bearer of bad news",
        "shop/token-api: 409 Conflict: the object has been modified",
        "bypass: true, compass=1, keys: 3",
        "unauthorized: 401",
        "no MemberCluster east: the broker's administrator makes it",
        "everything has been read, 0.3 s after the start",
    ],
)
def test_ordinary_words_are_left_alone(text: str) -> None:
    assert mask_secrets(text) == text


@pytest.mark.parametrize(
    "unit",
    [
        "://", "://u:p", "--", "--token", "token", "token=", "password ", "api_", "secret_key_id_",
        "-----BEGIN ",
        "bearer ", "Authorization", "cookie:", "eyJ", 'token=\\"', "token='", "token   ", "token\\", "a",
        "://@ ",
    ],
)  # fmt: skip
def test_the_time_grows_no_faster_than_the_text(unit: str) -> None:
    """An answer from outside may be long, and is masked on the one event loop."""

    def seconds(chars: int) -> float:
        text = (unit * (chars // len(unit) + 1))[:chars] + " @key"
        best = float("inf")
        for _ in range(5):
            started = time.process_time()
            mask_secrets(text)
            best = min(best, time.process_time() - started)
        return best

    assert seconds(16_000) <= 32 * seconds(2_000) + 0.01


@pytest.fixture
def nothing_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(masking, "_remembered", {})


@pytest.mark.usefixtures("nothing_remembered")
@pytest.mark.parametrize("secret", ["plain-Word", 'with "quotes" \\ and /&?', "ümlaut und mehr", "*" * 6])
def test_what_was_remembered_is_masked_however_it_is_written(secret: str) -> None:
    spelled = [secret, json.dumps(secret), json.dumps(secret)[1:-1], quote(secret, safe="")]
    text = " and ".join(spelled)
    assert mask_secrets(text) == text
    remember_secret(secret)

    assert mask_secrets(f"no {secret}x there") == "no ***x there"
    assert mask_secrets(text) == '*** and "***" and *** and ***'


@pytest.mark.usefixtures("nothing_remembered")
def test_of_a_secret_that_begins_another_nothing_is_left() -> None:
    for secret in ("opensesame", "opensesame-and-more", "sesame"):
        remember_secret(secret)

    assert mask_secrets("opensesame-and-more opensesame sesames") == "*** *** ***s"


@pytest.mark.usefixtures("nothing_remembered")
def test_short_words_are_not_remembered_and_of_many_secrets_the_last_are() -> None:
    remember_secret("x" * (SECRET_MIN_CHARS - 1))
    remember_secret("")
    for number in range(1000):
        remember_secret(f"no {number:04}")

    assert mask_secrets("x" * (SECRET_MIN_CHARS - 1)) == "x" * (SECRET_MIN_CHARS - 1)
    assert mask_secrets("no 0000 is forgotten, and no 0999 is not") == "no 0000 is forgotten, and *** is not"
    assert len(masking._remembered) <= 256


@pytest.mark.parametrize("name", ["CLIENT_SECRET", "aws_secret_access_key", "GITHUB_TOKEN", "DB_PASSWORD"])
def test_variables_that_probably_hold_a_credential_are_known_by_their_names(name: str) -> None:
    assert is_secret_name(name)


@pytest.mark.parametrize("name", ["HOME", "AWS_REGION", "COMPASS", "KEYBOARD"])
def test_other_variables_are_not(name: str) -> None:
    assert not is_secret_name(name)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("got Abc123Def456Ghi789Jkl012 here", "got *** here"),
        ("id 0123456789abcdef0123456789abcdef", "id ***"),
        ("AbcAbcAbcAbcAbcAbcAbc/+1=", "***"),
        ("cannot run /usr/local/bin/Login2-with-a-long-name", None),
        ("cannot reach https://Login1.example.com/tenant/token", None),
        ("request 9f1c2d3e-0000-4000-8000-0123456789ab failed", None),
        ("a-very-long-name-without-anything-odd failed with NoSuchEntityException", None),
    ],
)
def test_a_long_word_that_looks_random_is_masked_where_credentials_are_made(
    text: str, shown: str | None
) -> None:
    assert mask_random_words(text) == (text if shown is None else shown)

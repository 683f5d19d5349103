"""Authentic deliveries are told by their raw bytes, before anything is parsed."""

import hmac
from typing import Any

import pytest

from chalicelib import jira
from chalicelib.refusals import NotAuthentic, Unavailable
from chalicelib.secret import Secret
from tests.chalicelib.fakes import Clock, SecretsManager, aws_error

# The test vector of Atlassian's page "Webhooks", section "Secure admin webhooks".
ATLASSIAN_KEY, ATLASSIAN_BODY = "It's a Secret to Everybody", b"Hello World!"
ATLASSIAN_SIGNATURE = "sha256=a4771c39fbe90f317c7824e83ddef3caae9cb3d976c214ace1f2937e133263c9"
SHA1_SIGNATURE = "sha1=" + hmac.new(ATLASSIAN_KEY.encode(), ATLASSIAN_BODY, "sha1").hexdigest()


def secret(current: Any = ATLASSIAN_KEY, previous: Any = None) -> Any:
    previous = {"callback": previous} if previous is not None else None
    return Secret(SecretsManager({"callback": current}, previous), "the-secret", Clock())


def proven(signature: Any = None, authorization: Any = None, body: Any = ATLASSIAN_BODY, by: Any = None) -> Any:
    try:
        jira.authenticate(body, signature, authorization, by or secret())
    except NotAuthentic:
        return False
    return True


def test_atlassians_own_test_vector_is_accepted() -> None:
    assert proven(ATLASSIAN_SIGNATURE)


@pytest.mark.parametrize("body", [b"", b"Hello World", b"Hello World!\n", b"hello world!", b"\xef\xbb\xbfHello World!"])
def test_a_body_that_differs_in_any_byte_is_refused(body: Any) -> None:
    assert not proven(ATLASSIAN_SIGNATURE, body=body)


@pytest.mark.parametrize(
    "body", [b"", b"\x00", b"\xff\xfe", b"{", b"\r\n", '{"a": "ü"}'.encode("latin-1"), b"x" * 10**6]
)
def test_the_signature_is_over_the_raw_bytes_whatever_they_are(body: Any) -> None:
    assert proven(jira.sign(body, ATLASSIAN_KEY), body=body)


@pytest.mark.parametrize("body", [b'{"a": 1, "b": 2}', b'{"b":2,"a":1}', b'{"a":1,"b":2} '])
def test_the_same_json_written_otherwise_is_another_body(body: Any) -> None:
    assert not proven(jira.sign(b'{"a":1,"b":2}', ATLASSIAN_KEY), body=body)


@pytest.mark.parametrize(
    "signature",
    [
        "",
        " ",
        "sha256=",
        "sha256",
        ATLASSIAN_SIGNATURE.removeprefix("sha256="),
        ATLASSIAN_SIGNATURE[:-1],
        ATLASSIAN_SIGNATURE + "0",
        ATLASSIAN_SIGNATURE.replace("a", "b"),
        ATLASSIAN_SIGNATURE.replace("sha256", "sha1"),
        ATLASSIAN_SIGNATURE.replace("sha256=", "sha256:"),
        f"{ATLASSIAN_SIGNATURE},{ATLASSIAN_SIGNATURE}",
        SHA1_SIGNATURE,
        "sha256=" + "é" * 64,
        "sha256=\ud800",
        "\x00",
        ATLASSIAN_KEY,
    ],
)
class TestAWrongSignature:
    def test_is_refused(self, signature: Any) -> None:
        assert not proven(signature)

    def test_is_refused_even_beside_a_right_bearer(self, signature: Any) -> None:
        assert not proven(signature, f"Bearer {ATLASSIAN_KEY}")


@pytest.mark.parametrize("change", [str.upper, lambda text: f"  {text} ", lambda text: text.replace("sha", "SHA")])
def test_a_right_signature_may_come_in_capitals_or_with_blanks_around(change: Any) -> None:
    assert proven(change(ATLASSIAN_SIGNATURE))


def test_a_right_signature_needs_no_bearer_and_outweighs_a_wrong_one() -> None:
    assert proven(ATLASSIAN_SIGNATURE, "Bearer wrong")


@pytest.mark.parametrize("header", ["Bearer {}", "bearer {}", "BEARER {}", "  Bearer   {}  "])
def test_the_secret_itself_is_accepted_as_bearer(header: str) -> None:
    assert proven(None, header.format(ATLASSIAN_KEY))


@pytest.mark.parametrize(
    "authorization",
    [
        None,
        "",
        " ",
        "Bearer",
        "Bearer ",
        "Bearer wrong",
        f"Basic {ATLASSIAN_KEY}",
        f"Token {ATLASSIAN_KEY}",
        ATLASSIAN_KEY,
        f"Bearer{ATLASSIAN_KEY}",
        f"Bearer {ATLASSIAN_KEY}x",
        f"Bearer {ATLASSIAN_KEY.lower()}",
        "Bearer é\ud800🚀",
        f"Bearer {ATLASSIAN_SIGNATURE}",
    ],
)
def test_no_bearer_or_another_one_is_refused(authorization: Any) -> None:
    assert not proven(None, authorization)


@pytest.mark.parametrize("key", ["schlüssel 🔑", "a b", "?", "x" * 1000])
def test_a_secret_of_any_characters_works_both_ways(key: str) -> None:
    by = secret(key)
    assert proven(jira.sign(ATLASSIAN_BODY, key), by=by)
    assert proven(None, f"Bearer {key}", by=by)


@pytest.mark.parametrize("authorization", ["Bearer", "Bearer ", "", None])
@pytest.mark.parametrize("signature", [None, jira.sign(ATLASSIAN_BODY, "")])
def test_an_empty_secret_never_authenticates(signature: Any, authorization: Any) -> None:
    for empty in (secret(""), secret("", "")):
        try:
            assert not proven(signature, authorization, by=empty)
        except Unavailable as error:
            assert error.status == 503  # noqa: PT017 - either refusal is right, an acceptance is not


def test_an_empty_current_value_leaves_the_previous_one_alone_valid() -> None:
    by = secret("", "the old one")
    assert proven(None, "Bearer the old one", by=by)
    with pytest.raises(Unavailable):
        proven(jira.sign(ATLASSIAN_BODY, ""), by=by)


def test_the_previous_secret_is_accepted_too() -> None:
    by = secret("the new one", "the old one")
    assert proven(jira.sign(ATLASSIAN_BODY, "the old one"), by=by)
    assert proven(jira.sign(ATLASSIAN_BODY, "the new one"), by=by)
    assert proven(None, "Bearer the old one", by=by)


def test_without_the_secret_nothing_is_refused_for_good() -> None:
    manager = SecretsManager()
    manager.failure = aws_error("secretsmanager", "InternalServiceError")
    with pytest.raises(Unavailable):
        jira.authenticate(b"", ATLASSIAN_SIGNATURE, None, Secret(manager, "the-secret"))


def test_a_delivery_without_any_credential_costs_no_call() -> None:
    manager = SecretsManager()
    assert not proven(by=Secret(manager, "the-secret"))
    assert manager.calls == []


def test_a_refusal_says_what_to_do_and_no_secret() -> None:
    with pytest.raises(NotAuthentic) as refusal:
        jira.authenticate(ATLASSIAN_BODY, "sha256=0", f"Bearer {ATLASSIAN_KEY}", secret())
    assert "sign the body" in str(refusal.value)
    assert ATLASSIAN_KEY not in str(refusal.value)

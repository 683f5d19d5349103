"""Authentic deliveries are told by their raw bytes, before anything is parsed."""

import hmac
from typing import Any

import pytest

from chalicelib.credentials import authenticate, sign
from chalicelib.refusals import NotAuthentic, Unavailable
from chalicelib.secret import Secret
from tests.chalicelib.fakes import Clock, SecretsManager, aws_error

# The test vector of Atlassian's page "Webhooks", section "Secure admin webhooks".
ATLASSIAN_KEY, ATLASSIAN_BODY = "It's a Secret to Everybody", b"Hello World!"
ATLASSIAN_SIGNATURE = "sha256=a4771c39fbe90f317c7824e83ddef3caae9cb3d976c214ace1f2937e133263c9"
AUTOMATION = "It's a Secret to Automation"
SHA1_SIGNATURE = "sha1=" + hmac.new(ATLASSIAN_KEY.encode(), ATLASSIAN_BODY, "sha1").hexdigest()


def secret(current: Any = ATLASSIAN_KEY, previous: Any = None, automation: Any = AUTOMATION) -> Any:
    manager = SecretsManager({"callback": current, "automation": automation})
    if previous is not None:
        manager.put({"callback": previous, "automation": previous})
        manager.rotate({"callback": current, "automation": automation})
    return Secret(manager, "the-secret", clock=Clock())


def proven(signature: Any = None, authorization: Any = None, body: Any = ATLASSIAN_BODY, by: Any = None) -> Any:
    """Return whether the delivery is let in. Whoever is let in is told apart: signed, or by the bearer."""
    try:
        signed = authenticate(body, signature, authorization, by or secret())
    except NotAuthentic:
        return False
    assert signed is (signature is not None)
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
    assert proven(sign(body, ATLASSIAN_KEY), body=body)


@pytest.mark.parametrize("body", [b'{"a": 1, "b": 2}', b'{"b":2,"a":1}', b'{"a":1,"b":2} '])
def test_the_same_json_written_otherwise_is_another_body(body: Any) -> None:
    assert not proven(sign(b'{"a":1,"b":2}', ATLASSIAN_KEY), body=body)


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
        assert not proven(signature, f"Bearer {AUTOMATION}")


@pytest.mark.parametrize("change", [str.upper, lambda text: f"  {text} ", lambda text: text.replace("sha", "SHA")])
def test_a_right_signature_may_come_in_capitals_or_with_blanks_around(change: Any) -> None:
    assert proven(change(ATLASSIAN_SIGNATURE))


def test_a_right_signature_needs_no_bearer_and_outweighs_a_wrong_one() -> None:
    assert proven(ATLASSIAN_SIGNATURE, "Bearer wrong")


@pytest.mark.parametrize("header", ["Bearer {}", "bearer {}", "BEARER {}", "  Bearer   {}  "])
def test_automations_value_is_accepted_as_bearer(header: str) -> None:
    assert proven(None, header.format(AUTOMATION))


def test_neither_value_works_in_the_others_place() -> None:
    assert not proven(None, f"Bearer {ATLASSIAN_KEY}")
    assert not proven(sign(ATLASSIAN_BODY, AUTOMATION))


@pytest.mark.parametrize(
    "authorization",
    [
        None,
        "",
        " ",
        "Bearer",
        "Bearer ",
        "Bearer wrong",
        f"Basic {AUTOMATION}",
        f"Token {AUTOMATION}",
        AUTOMATION,
        f"Bearer{AUTOMATION}",
        f"Bearer {AUTOMATION}x",
        f"Bearer {AUTOMATION.lower()}",
        "Bearer é\ud800🚀",
        f"Bearer {ATLASSIAN_SIGNATURE}",
    ],
)
def test_no_bearer_or_another_one_is_refused(authorization: Any) -> None:
    assert not proven(None, authorization)


@pytest.mark.parametrize("key", ["schlüssel 🔑", "a b", "?", "x" * 1000])
def test_a_secret_of_any_characters_works_both_ways(key: str) -> None:
    by = secret(key, automation=key)
    assert proven(sign(ATLASSIAN_BODY, key), by=by)
    assert proven(None, f"Bearer {key}", by=by)


@pytest.mark.parametrize("empty", ["", " ", None, 5])
@pytest.mark.parametrize("previous", [None, ""])
def test_an_empty_secret_authenticates_nobody_and_refuses_nobody_for_good(empty: Any, previous: Any) -> None:
    for given in ({"signature": sign(ATLASSIAN_BODY, "")}, {"authorization": "Bearer x"}):
        with pytest.raises(Unavailable):
            proven(**given, by=secret(empty, previous, automation=empty))


def test_an_empty_current_value_leaves_the_previous_one_alone_valid() -> None:
    by = secret("", "the old one", automation="")
    assert proven(None, "Bearer the old one", by=by)
    with pytest.raises(Unavailable):
        proven(sign(ATLASSIAN_BODY, ""), by=by)


def test_the_previous_secret_is_accepted_too() -> None:
    by = secret("the new one", "the old one")
    assert proven(sign(ATLASSIAN_BODY, "the old one"), by=by)
    assert proven(sign(ATLASSIAN_BODY, "the new one"), by=by)
    assert proven(None, "Bearer the old one", by=by)


@pytest.mark.parametrize("given", [(ATLASSIAN_SIGNATURE, None), (None, "Bearer x"), ("sha256=" + "0" * 64, "Bearer x")])
def test_without_the_secret_nothing_is_refused_for_good(given: Any) -> None:
    manager = SecretsManager()
    manager.failure = aws_error("secretsmanager", "InternalServiceError")
    with pytest.raises(Unavailable):
        authenticate(b"", given[0], given[1], Secret(manager, "the-secret"))


def test_half_a_surrogate_in_a_secret_is_no_error() -> None:
    assert sign(b"", "\ud800") == sign(b"", "?")


SEEN = "X-Hub-Signature was seen"


@pytest.mark.parametrize(
    ("signature", "authorization", "said"),
    [
        (None, None, "no credential was seen"),
        (None, " ", "no credential was seen"),
        (None, "Basic dTpw", "Authorization was seen, but it is not of the form `Bearer <token>`"),
        (None, "Bearer ", "Authorization was seen, but it is not of the form `Bearer <token>`"),
        ("", None, f"{SEEN}, but it does not begin with `sha256=`"),
        (ATLASSIAN_SIGNATURE[7:], None, f"{SEEN}, but it does not begin with `sha256=`"),
        (SHA1_SIGNATURE, f"Bearer {AUTOMATION}", f"{SEEN}, but it does not begin with `sha256=`"),
        (ATLASSIAN_SIGNATURE[:-1], None, f"{SEEN}, but it has 63 characters after `sha256=`, not 64"),
        ("sha256=" + "g" * 64, None, f"{SEEN}, but not all after `sha256=` are hexadecimal digits"),
        ("sha256=" + "a" * 63 + "\n", None, f"{SEEN}, but it has 63 characters after `sha256=`, not 64"),
    ],
)
def test_what_is_wrong_by_its_form_is_named_and_costs_no_call(signature: Any, authorization: Any, said: str) -> None:
    manager = SecretsManager()
    with pytest.raises(NotAuthentic) as refusal:
        authenticate(ATLASSIAN_BODY, signature, authorization, Secret(manager, "the-secret"))
    assert str(refusal.value).startswith(said)
    assert manager.calls == []


def test_who_sends_no_credential_is_told_of_both() -> None:
    with pytest.raises(NotAuthentic, match=r"\(header X-Hub-Signature\).*as `Authorization: Bearer`$"):
        authenticate(ATLASSIAN_BODY, None, None, secret())


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ((sign(b"other", ATLASSIAN_KEY), None), f"{SEEN} and has the right form, but it is not the signature"),
        ((None, "Bearer wrong"), "Authorization was seen and has the right form, but its token"),
    ],
)
def test_a_wrong_value_is_said_to_be_wrong_and_no_more(given: Any, said: str) -> None:
    with pytest.raises(NotAuthentic) as refusal:
        authenticate(ATLASSIAN_BODY, given[0], given[1], secret())
    text = str(refusal.value)
    assert text.startswith(said)
    for value in (ATLASSIAN_KEY, AUTOMATION, ATLASSIAN_SIGNATURE[7:], "wrong"):
        assert value not in text

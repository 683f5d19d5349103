"""For any request: no 5xx without an AWS fault, never a 404 or 409, and no approval that the body does not state."""

import copy
import json
from collections.abc import Iterator
from typing import Any

from chalice.app import CaseInsensitiveMapping
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chalicelib import callback
from chalicelib.credentials import sign
from chalicelib.secret import Secret
from chalicelib.settings import fold
from tests.chalicelib.fakes import DEFAULT_RULES, SAMPLES, SECRET_VALUES, SecretsManager, Table, sample

KEY = SECRET_VALUES["callback"]
NAMES = sorted(path.stem for path in SAMPLES.glob("*.json") if path.stem != "unicode-html-20kb")
APPROVED_NAMES = frozenset(("released", "done"))
NAMED_RULES = DEFAULT_RULES._replace(approved=APPROVED_NAMES)
APPROVING_WORDS = ("success", "approved", "done")
SECRET = Secret(SecretsManager(), "the-secret")

ODD_VALUES = st.one_of(
    st.sampled_from(
        [
            *(None, True, False, 0, -1, 10**30, 1e308, 1767261600000, "", " ", "\ud800", "\x00"),
            *("done", "Done ", "new", "approved", "Rejected", "Released", "PROJ-1", "K" * 300, "ΐ" * 255),
            *("jira:issue_updated", "jira:issue_deleted", [], {}, ["done"], {"name": "done"}, {"key": "done"}),
            *({"key": {"name": "done"}}, {"items": [{"field": "status"}]}),
        ]
    ),
    st.text(max_size=20),
    st.recursive(st.none() | st.booleans() | st.integers(), lambda inner: st.lists(inner, max_size=3), max_leaves=5),
)


def paths(part: Any, way: Any = ()) -> Iterator[Any]:
    """Return every path in a JSON value, outermost first."""
    steps = part.items() if isinstance(part, dict) else enumerate(part) if isinstance(part, list) else ()
    for step, inner in steps:
        yield (*way, step)
        yield from paths(inner, (*way, step))


@st.composite
def bodies(draw: Any) -> Any:
    """Generate a sample with some parts removed, replaced by odd values, or taken from another sample."""
    body = copy.deepcopy(draw(st.sampled_from(NAMES).map(sample)))
    other = draw(st.sampled_from(NAMES).map(sample))
    for _ in range(draw(st.integers(0, 5))):
        known = list(paths(body))
        if not known:
            break
        *way, last = draw(st.sampled_from(known))
        part = body
        for step in way:
            part = part[step]
        change = draw(st.sampled_from(("remove", "replace", "graft")))
        if change == "remove":
            del part[last]
        elif change == "replace":
            part[last] = copy.deepcopy(draw(ODD_VALUES))
        elif last in other:
            part[last] = copy.deepcopy(other[last])
    return json.dumps(body).encode()


@st.composite
def spoiled(draw: Any) -> Any:
    """Generate the bytes of a sample with a part of them removed, doubled or replaced; or other bytes."""
    if draw(st.booleans()):
        return draw(st.binary(max_size=200) | st.text(max_size=100).map(lambda text: text.encode(errors="replace")))
    raw = json.dumps(draw(st.sampled_from(NAMES).map(sample)), ensure_ascii=False).encode()
    start = draw(st.integers(0, len(raw)))
    end = draw(st.integers(start, min(len(raw), start + 40)))
    return raw[:start] + draw(st.binary(max_size=10) | st.just(raw[start:end] * 2)) + raw[end:]


def dig(part: Any, *way: Any) -> Any:
    for step in way:
        part = part.get(step) if isinstance(part, dict) else None
    return part


def states_an_approval(raw: bytes, approved_names: Any) -> Any:
    """Return whether the body may approve: by its status's listed name, else the changelog's, or by a flat word."""
    body = json.loads(raw)
    status, items = dig(body.get("issue", body), "fields", "status"), dig(body, "changelog", "items")
    became = [dig(item, "toString") for item in (items if isinstance(items, list) else ())]
    names = became if status is None else [dig(status, "name")]
    word = None if "webhookEvent" in body else body.get("status")
    return not approved_names.isdisjoint(fold(name) for name in names if isinstance(name, str)) or (
        isinstance(word, str) and word.strip().lower() in APPROVING_WORDS
    )


def send(raw: bytes, rules: Any, signature: Any = None) -> Any:
    table: Any = Table()
    headers = CaseInsensitiveMapping({"x-hub-signature": signature or sign(raw, KEY)})
    status, body, _ = callback.answer(raw, headers, SECRET, table, rules)
    json.dumps(body)
    return status, table.delivered


@settings(max_examples=500)
@given(raw=bodies() | spoiled())
def test_a_proven_body_is_recorded_ignored_or_refused_and_approves_only_if_it_says_so(raw: bytes) -> None:
    for rules in (DEFAULT_RULES, NAMED_RULES):
        status, delivered = send(raw, rules)
        assert status in (200, 202, 400)
        assert bool(delivered) == (status == 202)
        for _, verdict in delivered:
            assert verdict.decision in ("approved", "rejected", "pending")
            if verdict.decision == "approved":
                assert states_an_approval(raw, rules.approved)


@settings(max_examples=200)
@given(raw=bodies() | spoiled())
def test_the_same_body_twice_gives_the_same_verdict(raw: bytes) -> None:
    (first, recorded), (second, again) = send(raw, DEFAULT_RULES), send(raw, DEFAULT_RULES)
    assert first == second
    assert [(story, verdict.decision) for story, verdict in recorded] == [
        (story, verdict.decision) for story, verdict in again
    ]


@settings(max_examples=60)
@given(
    raw=bodies() | spoiled(), signature=st.text(max_size=80) | st.binary(max_size=32).map(lambda b: "sha256=" + b.hex())
)
def test_a_body_that_is_not_proven_is_401_whatever_it_holds(raw: bytes, signature: Any) -> None:
    assert send(raw, DEFAULT_RULES, signature or "-") == (401, [])


@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(raw=bodies() | spoiled(), content_type=st.sampled_from(("application/json", "text/plain", "x")))
def test_on_the_wire_every_answer_is_one_of_the_contracts(cloud: Any, raw: bytes, content_type: Any) -> None:
    headers = {"content-type": content_type, "X-Hub-Signature": sign(raw, KEY)}
    response = cloud.http.post("/jira/callback", body=raw, headers=headers)
    assert response.status_code in (200, 202, 400)
    assert isinstance(response.json_body, dict)


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(raw=spoiled() | bodies(), token=st.sampled_from(("validation", "callback", "deployment")))
def test_a_mock_api_never_breaks_whatever_it_is_sent(cloud: Any, raw: bytes, token: str) -> None:
    headers = {"content-type": "application/json", "Authorization": f"Bearer {SECRET_VALUES[token]}"}
    response = cloud.http.post("/mock/validation", body=raw, headers=headers)
    assert response.status_code in ((200, 400) if token == "validation" else (403,))

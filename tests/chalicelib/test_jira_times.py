"""When a verdict was decided: by Jira's clock, but never after we received it."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from chalicelib import jira
from chalicelib.refusals import BadBody
from tests.chalicelib.fakes import DEFAULT_RULES, changed, sample, without

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
RECEIVED = "2026-03-01T12:00:00.000Z"


def decided_at(body: Any) -> Any:
    read = jira.read(json.dumps(body).encode(), NOW, DEFAULT_RULES, signed="webhookEvent" in body)
    assert isinstance(read, jira.Decided)
    return read.verdict.decided_at


def webhook(timestamp: Any) -> Any:
    return {**sample("cloud-done"), "timestamp": timestamp}


def flat(timestamp: Any) -> Any:
    return {**sample("flat-approved"), "timestamp": timestamp}


@pytest.mark.parametrize("form", [webhook, flat])
@pytest.mark.parametrize(
    ("timestamp", "moment"),
    [
        (1767261600000, "2026-01-01T10:00:00.000Z"),
        (1767261600123, "2026-01-01T10:00:00.123Z"),
        (1767261600123.9, "2026-01-01T10:00:00.123Z"),
        (1.7672616e12, "2026-01-01T10:00:00.000Z"),
        ("1767261600123", "2026-01-01T10:00:00.123Z"),
        (" 1767261600123 ", "2026-01-01T10:00:00.123Z"),
        ("2026-01-01T11:00:00+01:00", "2026-01-01T10:00:00.000Z"),
        ("2026-01-01T10:00:00.000+0000", "2026-01-01T10:00:00.000Z"),
        ("2026-01-01T10:00:00Z", "2026-01-01T10:00:00.000Z"),
        ("2026-01-01T10:00:00", "2026-01-01T10:00:00.000Z"),
        ("2026-01-01", "2026-01-01T00:00:00.000Z"),
        (-1, "1969-12-31T23:59:59.999Z"),
        (0, "1970-01-01T00:00:00.000Z"),
        ("0001-01-01T00:00:00", "0001-01-01T00:00:00.000Z"),
        # Later than now is now.
        (1772366400001, RECEIVED),
        ("2026-03-01T12:05:00Z", RECEIVED),
    ],
)
def test_a_timestamp_is_read_as_milliseconds_or_iso_and_never_lies_ahead(
    form: Any, timestamp: Any, moment: Any
) -> None:
    assert decided_at(form(timestamp)) == moment


@pytest.mark.parametrize(
    "timestamp",
    [
        True,
        False,
        "",
        "yesterday",
        "2026-13-01T00:00:00Z",
        "0001-01-01T00:00:00+14:00",
        "9999-12-31T23:59:59-14:00",
        "²",
        [],
        {"iso8601": "2026-01-01"},
        10**17,
        -(10**17),
        10**400,
        "1" * 5000,
    ],
)
class TestATimestampThatIsNone:
    def test_is_received_time_in_a_webhook_that_approves_nothing(self, timestamp: Any) -> None:
        assert decided_at(sample("reopened") | {"timestamp": timestamp}) == RECEIVED

    def test_is_refused_in_the_flat_form(self, timestamp: Any) -> None:
        with pytest.raises(BadBody, match="timestamp"):
            decided_at(flat(timestamp))


def test_without_a_timestamp_the_moment_we_received_it_counts() -> None:
    assert decided_at(without(sample("reopened"), "timestamp")) == RECEIVED
    assert decided_at(sample("flat-approved")) == RECEIVED
    assert decided_at(flat(None)) == RECEIVED
    assert decided_at(flat(4102444800000)) == RECEIVED


def test_a_signed_flat_body_must_say_when_because_it_can_be_sent_again() -> None:
    signed = json.dumps(flat("2026-01-01T10:00:00Z")).encode()
    assert jira.read(signed, NOW, DEFAULT_RULES, signed=True) == jira.read(signed, NOW, DEFAULT_RULES, signed=False)
    told = (
        '"timestamp" is missing: a signed body can be sent again later, so it must say when: '
        'epoch milliseconds or ISO 8601, e.g. "2026-01-31T12:00:00Z"'
    )
    for body in (sample("flat-approved"), sample("flat-rejected"), flat(None)):
        with pytest.raises(BadBody) as refusal:
            jira.read(json.dumps(body).encode(), NOW, DEFAULT_RULES, signed=True)
        assert str(refusal.value) == told


@pytest.mark.parametrize(
    ("updated", "moment"),
    [
        ("2026-01-01T10:00:00.000+0000", "2026-01-01T10:00:00.000Z"),
        ("2022-02-18T15:20:11.662+0530", "2022-02-18T09:50:11.662Z"),
        (1767261600000, "2026-01-01T10:00:00.000Z"),
        ("2026-03-01T12:00:00.001Z", RECEIVED),
        ("an hour ago", RECEIVED),
        (None, RECEIVED),
    ],
)
def test_an_issue_from_automation_is_dated_by_its_last_update(updated: Any, moment: str) -> None:
    automation = sample("automation-automation-format")
    assert decided_at(changed(automation, "fields.updated", updated)) == moment
    assert decided_at(changed({"issue": automation}, "issue.fields.updated", updated)) == moment


def test_the_last_update_of_a_webhooks_issue_is_not_its_time() -> None:
    assert decided_at(without(sample("reopened"), "timestamp")) == RECEIVED
    assert decided_at(without(sample("automation-automation-format"), "fields")) == RECEIVED


def test_jiras_timestamp_counts_without_an_event_too() -> None:
    assert decided_at(sample("service-management-webhook")) == "2026-01-01T10:00:00.000Z"


@pytest.mark.parametrize("seconds", [1767261600, "1767261600"])
def test_jiras_seconds_are_taken_for_milliseconds_so_that_they_count_for_no_run(seconds: Any) -> None:
    assert decided_at(webhook(seconds)) == "1970-01-21T10:54:21.600Z"


def test_moments_sort_as_text() -> None:
    moments = [decided_at(webhook(millis)) for millis in (-62135596800000, -1, 0, 999, 1000, 1767261600000)]
    assert moments == sorted(moments)
    assert len({len(moment) for moment in moments}) == 1

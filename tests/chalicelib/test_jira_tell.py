"""Jira told of runs: one link, one comment, in whatever order and however often events come."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import pytest

from chalicelib.jira_api import Credentials, JiraApi, JiraAway
from chalicelib.jira_tell import End, Teller
from localcloud.jira import documents
from localcloud.jira.local_jira import LocalJira
from localcloud.jira.site import Site
from tests.chalicelib.fakes import Hooked
from tests.jira_openapi import Recorder, violations

ARN = "arn:aws:states:eu-central-1:123456789012:execution:gate:run-1"
REQUEST = {"packageIds": ["pkg-001"], "metadata": {"environment": "production"}}
END = End(ARN, "PROJ-1", "approved", "PROJ-1 was approved by Ada.", "2026-01-01T12:00:00.000Z", REQUEST)


@dataclass
class Told:
    jira: LocalJira
    dynamodb: Hooked

    def teller(self, run_url: str | None = None) -> Teller:
        api = JiraApi(self.jira.url, Credentials(**self.jira.credentials), time.monotonic() + 30)
        return Teller(api, self.dynamodb, "verdicts", run_url)

    def waits(self, *arns: str) -> list[str]:
        return self.teller().link_waiting("PROJ-1", arns or (ARN,), lambda _: REQUEST)

    @property
    def links(self) -> list[tuple[str, bool]]:
        found = [link["object"] for link in self.jira.site.issue("PROJ-1").links.values()]
        return [(about["title"], about["status"]["resolved"]) for about in found]

    @property
    def comments(self) -> list[str]:
        return [documents.plain(comment.body).splitlines()[0] for comment in self.jira.site.issue("PROJ-1").comments]


@pytest.fixture
def told(dynamodb: Hooked) -> Iterator[Told]:
    recorder = Recorder()
    with LocalJira(site=Site(), wrap=recorder.wrap) as jira:
        yield Told(jira, dynamodb)
    assert violations(recorder.exchanges) == []


WAITS = ("Deployment waits for this story", False)
APPROVED = ("Deployment approved", True)


def test_a_waiting_run_has_one_link_however_often_it_is_looked_at(told: Told) -> None:
    assert told.waits() == told.waits() == []
    assert told.links == [WAITS]
    assert told.waits(ARN, ARN.replace("run-1", "run-2")) == []
    assert told.links == [WAITS, WAITS]
    assert told.comments == []


def test_at_its_end_the_link_is_resolved_and_one_comment_written(told: Told) -> None:
    told.waits()
    assert told.teller().report_end(END) == (["link", "comment"], [])
    assert told.teller().report_end(END) == ([], [])
    assert told.links == [APPROVED]
    assert told.comments == ["Deployment approved"]
    entry = told.dynamodb.entry("PROJ-1", "TOLD#run-1")
    assert (entry["outcome"]["S"], entry["endedAt"]["S"]) == ("approved", END.at)


def test_a_newer_end_updates_the_link_alone_and_an_older_one_changes_nothing(told: Told) -> None:
    told.teller().report_end(END)
    newer = replace(END, outcome="error", at="2026-01-01T13:00:00.000Z")
    assert told.teller().report_end(newer) == (["link"], [])
    assert told.teller().report_end(END) == ([], [])
    assert told.links == [("Deployment ended by an error", True)]
    assert told.comments == ["Deployment approved"]


def test_waits_never_stays_over_an_end_that_came_meanwhile(told: Told) -> None:
    def end_first(_: str) -> Any:
        told.teller().report_end(END)
        return REQUEST

    assert told.teller().link_waiting("PROJ-1", [ARN], end_first) == []
    assert told.links == [APPROVED]


def test_of_two_events_at_once_one_comments(told: Told) -> None:
    def other_first(_: Any) -> None:
        told.dynamodb.before.clear()
        assert told.teller().report_end(END) == (["link", "comment"], [])

    told.dynamodb.before["put_item"] = other_first
    assert told.teller().report_end(END) == ([], [])
    assert told.comments == ["Deployment approved"]


def test_a_link_that_jira_refuses_is_reported_and_the_comment_written_all_the_same(told: Told) -> None:
    told.jira.site.denied.add("LINK_ISSUES")
    assert told.waits() == ["PROJ-1: no link for run-1: Jira answers HTTP 403 to issue/PROJ-1/remotelink"]
    assert told.teller().report_end(END)[0] == ["comment"]
    told.jira.site.denied.clear()
    other = ARN.replace("run-1", "run-2")
    assert told.waits(other) == []
    assert told.waits(other) == []
    assert told.links == [WAITS]


def test_while_jira_is_away_nothing_is_told_and_a_link_is_made_later(told: Told) -> None:
    told.jira.outage.begin(500, times=1)
    with pytest.raises(JiraAway):
        told.waits()
    assert told.waits() == []
    told.jira.outage.begin(500, times=2)
    done, errors = told.teller().report_end(END)
    assert done == []
    assert errors == [
        "PROJ-1: no link for run-1: Jira answers HTTP 500",
        "PROJ-1: no comment for run-1: Jira answers HTTP 500",
    ]


@pytest.mark.parametrize(
    ("run_url", "arn", "expected"),
    [
        ("https://ci.example/{execution}", "arn:aws:states:eu-west-1:1:execution:gate:a b", "https://ci.example/a%20b"),
        (
            None,
            ARN,
            "https://eu-central-1.console.aws.amazon.com/states/home?region=eu-central-1#/v2/executions/details/" + ARN,
        ),
        (
            None,
            "arn:aws-cn:states:cn-north-1:1:execution:gate:x",
            "https://cn-north-1.console.amazonaws.cn/states/home?region=cn-north-1"
            "#/v2/executions/details/arn:aws-cn:states:cn-north-1:1:execution:gate:x",
        ),
    ],
)
def test_the_link_leads_to_the_run(told: Told, run_url: str | None, arn: str, expected: str) -> None:
    told.teller(run_url).link_waiting("PROJ-1", [arn], lambda _: None)
    (link,) = told.jira.site.issue("PROJ-1").links.values()
    assert link["object"]["url"] == expected


def test_what_a_run_was_asked_to_do_is_looked_up_only_for_a_new_link(told: Told) -> None:
    asked: list[str] = []
    look: Callable[[str], Any] = asked.append
    told.teller().link_waiting("PROJ-1", [ARN], look)
    told.teller().link_waiting("PROJ-1", [ARN], look)
    assert asked == [ARN]

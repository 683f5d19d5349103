"""Jira asked about waiting stories: a Jira on this machine, the decision table, and the runs that go on."""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pytest

from chalicelib import jira_ask
from chalicelib.jira_api import LONGEST_ANSWER, Credentials, JiraApi, JiraAway
from chalicelib.jira_ask import ask
from chalicelib.rules import Rules
from chalicelib.sweep import Asked, WaitingStory
from chalicelib.verdicts import Verdict, VerdictTable
from localcloud.jira.local_jira import LocalJira
from localcloud.jira.site import Site
from localcloud.jira.site_data import PEOPLE
from tests.chalicelib.fakes import DEFAULT_RULES, Hooked, StepFunctions
from tests.jira_openapi import Recorder, violations

GATED = DEFAULT_RULES._replace(projects=frozenset(("PROJ", "PAY")))


class Clock:
    def __init__(self) -> None:
        self.now = datetime(2026, 1, 1, 9, tzinfo=UTC).timestamp()

    def __call__(self) -> float:
        return self.now

    def set(self, hour: int) -> None:
        self.now = datetime(2026, 1, 1, hour, tzinfo=UTC).timestamp()


@dataclass
class World:
    """A Jira whose webhooks are all lost, the table in which runs wait, and what was asked."""

    jira: LocalJira
    clock: Clock
    dynamodb: Hooked
    machine: StepFunctions
    recorder: Recorder

    @property
    def site(self) -> Site:
        return self.jira.site

    def wait(self, *stories: str) -> list[WaitingStory]:
        for story in stories:
            self.dynamodb.wait(f"run-{story}", story)
        return [WaitingStory(story, (f"run-{story}",)) for story in stories]

    def move(self, key: str, *statuses: str) -> None:
        """Move a story to each status in turn, at 11, 12, … o'clock."""
        for hour, status in enumerate(statuses, 11):
            self.clock.set(hour)
            self.site.transition(key, status, user=PEOPLE[0])

    def ask(self, stories: list[WaitingStory], rules: Rules = DEFAULT_RULES, longest: int = LONGEST_ANSWER) -> Asked:
        self.clock.set(20)
        table = VerdictTable(self.dynamodb, "verdicts", self.machine, self.clock)
        api = JiraApi(
            self.jira.url, Credentials(**self.jira.credentials), time.monotonic() + 60, longest_answer=longest
        )
        answer = Asked()
        try:
            ask(stories, api, table, rules, lambda: datetime.fromtimestamp(self.clock(), UTC), answer)
        except JiraAway as error:
            answer.errors.append(str(error))
        answer.last = ""
        return answer

    @property
    def asked_for(self) -> list[list[str]]:
        return [e.sent["issueIdsOrKeys"] for e in self.recorder.exchanges if e.path.endswith("/issue/bulkfetch")]


@pytest.fixture
def world(dynamodb: Hooked, machine: StepFunctions) -> Iterator[World]:
    clock, recorder = Clock(), Recorder()
    with LocalJira(site=Site(clock=clock), wrap=recorder.wrap) as jira:
        yield World(jira, clock, dynamodb, machine, recorder)
    assert violations(recorder.exchanges) == []


def sent(world: World, story: str) -> Any:
    return world.machine.sent.get(f"token of run-{story}")


def test_a_story_approved_while_its_webhook_was_lost_lets_its_run_go_on_with_jiras_own_time(world: World) -> None:
    stories = world.wait("PROJ-1", "PROJ-2")
    world.move("PROJ-1", "Done")
    assert world.ask(stories) == Asked(asked=2, decided=["run-PROJ-1"])
    decision = sent(world, "PROJ-1")
    assert (decision["decision"], decision["actor"], decision["decidedAt"]) == (
        "approved",
        "Ada Marlow",
        "2026-01-01T11:00:00.000Z",
    )
    assert sent(world, "PROJ-2") is None
    assert world.asked_for == [["PROJ-1", "PROJ-2"]]


@pytest.mark.parametrize(
    ("statuses", "decision"),
    [
        (("Done", "To Do"), None),
        (("Rejected",), "rejected"),
        (("Rejected", "In Progress", "Done"), "approved"),
        (("Done", "Rejected"), "rejected"),
        (("In Progress",), None),
    ],
)
def test_only_the_last_verdict_of_several_lost_ones_counts(
    world: World, statuses: tuple[str, ...], decision: str | None
) -> None:
    stories = world.wait("PROJ-1")
    world.move("PROJ-1", *statuses)
    answer = world.ask(stories)
    found = sent(world, "PROJ-1")
    assert (found and found["decision"]) == decision
    assert answer.decided == (["run-PROJ-1"] if decision else [])
    assert answer.errors == []


def test_an_approval_before_the_upload_is_none_for_this_run(world: World) -> None:
    world.clock.set(9)
    world.site.transition("PROJ-1", "Done")
    stories = world.wait("PROJ-1")
    assert world.ask(stories) == Asked(asked=1)
    assert sent(world, "PROJ-1") is None


def test_pending_was_heard_and_the_approval_after_it_was_lost(world: World) -> None:
    world.wait("PROJ-1")
    world.move("PROJ-1", "In Progress", "Done")
    heard = Verdict("pending", "2026-01-01T11:00:00.010Z", "2026-01-01T11:00:01.000Z")
    world.dynamodb.say(heard, "PROJ-1")
    assert world.ask([WaitingStory("PROJ-1", ("run-PROJ-1",), heard)]).decided == ["run-PROJ-1"]


def test_what_stands_already_is_not_written_again(world: World) -> None:
    world.wait("PROJ-1")
    world.move("PROJ-1", "In Progress")
    heard = Verdict("pending", "2026-01-01T11:00:00.000Z", "2026-01-01T11:00:01.000Z")
    world.dynamodb.calls.clear()
    assert world.ask([WaitingStory("PROJ-1", ("run-PROJ-1",), heard)]) == Asked(asked=1)
    assert world.dynamodb.calls == []


def test_a_story_moved_out_closed_there_and_moved_back_is_not_approved(world: World) -> None:
    stories = world.wait("PROJ-1")
    world.clock.set(11)
    world.site.move("PROJ-1", "OPS")
    world.move("OPS-1", "Done")
    world.site.move("OPS-1", "PROJ")  # as PROJ-2: Jira gives no number twice
    assert world.ask(stories, GATED) == Asked(asked=1)
    assert sent(world, "PROJ-1") is None


def test_a_story_that_left_is_named_with_its_runs(world: World) -> None:
    stories = world.wait("PROJ-1")
    world.site.move("PROJ-1", "OPS")
    world.move("OPS-1", "Done")
    answer = world.ask(stories, GATED)
    assert answer.errors == ["PROJ-1 is now OPS-1, which is not in STORYGATE_PROJECTS; waiting: run-PROJ-1"]
    assert sent(world, "PROJ-1") is None


def test_a_story_whose_project_is_no_longer_gated_is_named_with_its_runs(world: World) -> None:
    answer = world.ask(world.wait("OPS-1"), GATED)
    assert answer.errors == ["the project of OPS-1 is not in STORYGATE_PROJECTS; waiting: run-OPS-1"]


def test_two_moved_stories_in_one_answer_are_not_mixed_up(world: World) -> None:
    stories = world.wait("PROJ-1", "PROJ-2", "PROJ-3")
    assert world.site.move("PROJ-2", "PAY").key == "PAY-1"
    assert world.site.move("PROJ-1", "PAY").key == "PAY-2"
    world.move("PAY-1", "Rejected")
    world.move("PAY-2", "Done")
    assert sorted(world.ask(stories, GATED).decided) == ["run-PROJ-1", "run-PROJ-2"]
    assert sent(world, "PROJ-1")["decision"] == "approved"
    assert sent(world, "PROJ-2")["decision"] == "rejected"
    assert world.asked_for == [["PROJ-1", "PROJ-2", "PROJ-3"], ["PROJ-1"], ["PROJ-2"]]


def test_a_move_is_recorded_so_that_later_webhooks_reach_the_run(world: World) -> None:
    stories = world.wait("PROJ-1", "PAY-1")
    world.move("PAY-1", "In Progress")
    world.site.delete("PAY-1")
    world.site.move("PROJ-1", "PAY")  # to PAY-2
    answer = world.ask(stories, GATED)
    assert answer.errors == ["PAY-1 does not exist in Jira, or its user may not see it; waiting: run-PAY-1"]
    assert world.dynamodb.entry("PAY-2", "MOVED#PROJ-1")
    assert sent(world, "PAY-1") is None


def test_one_story_that_is_asked_for_under_both_of_its_keys(world: World) -> None:
    stories = world.wait("PROJ-1", "PAY-1")
    world.site.move("PROJ-1", "PAY")
    world.move("PAY-1", "Done")
    assert sorted(world.ask(stories, GATED).decided) == ["run-PAY-1", "run-PROJ-1"]


def test_absent_and_forbidden_stories_are_reported_and_never_rejected(world: World) -> None:
    world.site.delete("PROJ-1")
    world.site.hidden.add("SECRET")
    stories = world.wait("PROJ-1", "SECRET-1", "PROJ-2")
    world.move("PROJ-2", "Done")
    answer = world.ask([*stories, WaitingStory("12345", ("old-1", "old-2", "old-3", "old-4"))])
    assert answer.decided == ["run-PROJ-2"]
    assert answer.errors == [
        "12345 is no key of Jira's: nothing will decide old-1, old-2, old-3 and 1 more",
        "PROJ-1 does not exist in Jira, or its user may not see it; waiting: run-PROJ-1",
        "SECRET-1 does not exist in Jira, or its user may not see it; waiting: run-SECRET-1",
    ]
    assert list(world.machine.sent) == ["token of run-PROJ-2"]


def test_a_changelog_longer_than_an_answer_is_read_whole(world: World) -> None:
    stories = world.wait("PROJ-1")
    world.move("PROJ-1", "Done")
    for number in range(45):
        world.site.edit("PROJ-1", f"Release {number}")
    assert world.ask(stories).decided == ["run-PROJ-1"]
    assert sent(world, "PROJ-1")["decidedAt"] == "2026-01-01T11:00:00.000Z"


def test_a_hundred_stories_are_one_request(world: World) -> None:
    stories = world.wait(*(f"PROJ-{number}" for number in range(1, 102)))
    assert world.ask(stories).asked == 101
    assert [len(keys) for keys in world.asked_for] == [100, 1]


def test_while_jira_is_down_nothing_is_decided_and_afterwards_it_is(world: World) -> None:
    stories = world.wait("PROJ-1", "PROJ-2")
    world.move("PROJ-1", "Done")
    world.jira.outage.begin(503, times=1)
    assert world.ask(stories) == Asked(left=2, errors=["Jira answers HTTP 503"])
    assert world.ask(stories) == Asked(asked=2, decided=["run-PROJ-1"])


def test_an_answer_that_is_too_long_is_asked_for_in_halves(world: World) -> None:
    stories = world.wait(*(f"PROJ-{number}" for number in range(1, 5)))
    assert world.ask(stories, longest=1500) == Asked(asked=4)
    assert [len(keys) for keys in world.asked_for] == [4, 2, 2]


def test_a_webhook_that_is_newer_than_jiras_answer_wins(world: World) -> None:
    """The answer was given, then the story was reopened, and that webhook arrived before the answer was read."""
    stories = world.wait("PROJ-1")
    world.move("PROJ-1", "Done")
    reopened = Verdict("pending", "2026-01-01T11:30:00.000Z", "2026-01-01T11:30:00.000Z")
    world.dynamodb.say(reopened, "PROJ-1")
    assert world.ask(stories).decided == []
    assert sent(world, "PROJ-1") is None


def test_asked_is_counted_in_runs() -> None:
    assert jira_ask._runs([WaitingStory("A-1", ("x", "y")), WaitingStory("B-1", ("z",))]) == 3

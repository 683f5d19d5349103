"""Who may approve (STORYGATE_APPROVERS), and whose stories are gated (STORYGATE_PROJECTS)."""

import itertools
import json
from datetime import UTC, datetime
from typing import Any

import pytest

from chalicelib import jira
from chalicelib.rules import Rules
from tests.chalicelib.fakes import changed, sample

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
DONE = sample("cloud-done")
INES = "712020:0d3c7a4e-5f0b-4f6b-9d55-2f1f3c9b7a10"
THEN = "; then move the story out of this status and in again"


def read(body: Any, *, signed: bool = True) -> Any:
    return jira.read(json.dumps(body).encode(), NOW, Rules.from_environment(), signed=signed)


def decide(body: Any) -> Any:
    return read(body).verdict.decision


class TestApprovers:
    """Only those whom STORYGATE_APPROVERS lists may approve, and only a signed webhook names its user."""

    @pytest.mark.parametrize(
        ("user", "decision"),
        [
            (DONE["user"], "approved"),
            ({"accountId": INES.upper()}, "approved"),
            ({"key": "JIRAUSER1607", "name": "m.lind"}, "approved"),
            ({"key": "JIRAUSER1", "name": "t.okafor"}, "approved"),
            ({"key": "JIRAUSER2", "name": "eve", "displayName": INES}, "pending"),
            ({"accountId": "712020:eve", "key": "JIRAUSER1607", "name": "t.okafor"}, "pending"),
            ({"emailAddress": INES}, "pending"),
            ({}, "pending"),
            (None, "pending"),
        ],
    )
    def test_a_user_is_known_by_account_id_else_by_key_or_name(
        self, monkeypatch: pytest.MonkeyPatch, user: Any, decision: str
    ) -> None:
        monkeypatch.setenv("STORYGATE_APPROVERS", f"{INES}, jirauser1607,T.Okafor")
        answer = read(changed(DONE, "user", user))
        assert answer.verdict.decision == decision
        assert (answer.unlisted is None) == (decision == "approved")

    def test_anybody_may_reject_or_reopen(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("STORYGATE_APPROVERS", "nobody")
        assert decide(sample("rejected-by-status")) == "rejected"
        assert decide(sample("deleted")) == "rejected"
        assert read(sample("flat-rejected"), signed=False).verdict.decision == "rejected"
        assert (decide(sample("reopened")), read(sample("reopened")).unlisted) == ("pending", None)

    @pytest.mark.parametrize("name", ["cloud-done", "automation-jira-format", "flat-approved"])
    def test_no_bearer_approves(self, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
        monkeypatch.setenv("STORYGATE_APPROVERS", INES)
        answer = read(sample(name), signed=False)
        assert answer.verdict.decision == "pending"
        told = "STORYGATE_APPROVERS is set, and only a signed webhook proves who approves: let one of them do it"
        assert answer.unlisted == told + THEN

    def test_a_stranger_is_named(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("STORYGATE_APPROVERS", "somebody")
        told = "jirauser1 or t.okafor is not in STORYGATE_APPROVERS: add it, or let one of those approve" + THEN
        assert read(changed(DONE, "user", {"key": "JIRAUSER1", "name": "t.okafor"})).unlisted == told

    def test_a_stranger_who_moves_an_approved_story_on_takes_nothing_back(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("STORYGATE_APPROVERS", "somebody")
        items = [{"fieldId": "status", "fromString": "Closed", "toString": "Done"}]
        fields = DONE["issue"]["fields"] | {"resolution": None}
        body = DONE | {"changelog": {"items": items}, "issue": DONE["issue"] | {"fields": fields}}
        assert isinstance(read(body), jira.Ignored)


class TestProjects:
    """Only stories of STORYGATE_PROJECTS are gated, by the prefix of their keys."""

    @pytest.fixture(autouse=True)
    def _projects(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("STORYGATE_PROJECTS", "proj, AB_2")

    @pytest.mark.parametrize(
        ("key", "gated"),
        [("PROJ-1", True), ("proj-1", True), ("AB_2-17", True), ("PAY-1", False), ("PROJ", False), ("XPROJ-1", False)],
    )
    def test_a_story_of_another_project_is_ignored_in_every_form(self, key: str, gated: bool) -> None:
        moment = {"timestamp": 1767261600000}
        for body in (
            changed(DONE, "issue.key", key),
            changed(sample("deleted"), "issue.key", key),
            changed(sample("edited-while-done"), "issue.key", key),
            changed(sample("automation-automation-format"), "key", key),
            changed(sample("flat-rejected") | moment, "jiraStoryId", key),
        ):
            answer = read(body)
            told = "its project is not in STORYGATE_PROJECTS"
            assert (answer == jira.Ignored(key.upper(), told)) != gated

    @pytest.mark.parametrize(("former", "key"), [("PAY-9", "PROJ-1"), ("PROJ-1", "PAY-9"), ("PAY-1", "PAY-9")])
    def test_a_move_into_or_out_of_a_gated_project_records_nothing(self, former: str, key: str) -> None:
        for name, status in itertools.product(("moved", "moved-and-done"), ("Done", "Rejected", "To Do")):
            body = changed(sample(name), "issue.key", key)
            body["changelog"]["items"][1]["fromString"] = former
            answer = read(changed(body, "issue.fields.status.name", status))
            assert (answer.story, answer.former_key) == (key, None)
            assert "STORYGATE_PROJECTS" in answer.why

    def test_a_move_between_gated_projects_is_recorded(self) -> None:
        body = changed(sample("moved"), "issue.key", "AB_2-1")
        assert read(body).former_key == "PROJ-12345"

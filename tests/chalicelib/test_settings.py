"""The stage's settings: a value that is missing or invalid raises an error that names its variable."""

from typing import Any

import pytest

from chalicelib import settings
from chalicelib.refusals import Misconfigured


def test_a_required_variable_is_its_value_without_blanks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STORYGATE_TABLE", "  verdicts ")
    assert settings.required("STORYGATE_TABLE") == "verdicts"


@pytest.mark.parametrize("value", [None, "", "   "])
def test_a_required_variable_that_is_missing_or_empty_fails_naming_it_and_the_file(
    monkeypatch: pytest.MonkeyPatch, value: Any
) -> None:
    monkeypatch.delenv("STORYGATE_TABLE", raising=False)
    if value is not None:
        monkeypatch.setenv("STORYGATE_TABLE", value)
    with pytest.raises(Misconfigured, match=r"STORYGATE_TABLE.*\.chalice/config\.json"):
        settings.required("STORYGATE_TABLE")


def test_a_list_of_names_is_split_at_commas_and_folded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STORYGATE_APPROVED_STATUSES", " Done,Signed   OFF ,, Won\N{RIGHT SINGLE QUOTATION MARK}t Do,")
    assert settings.names("STORYGATE_APPROVED_STATUSES") == {"done", "signed off", "won't do"}


def test_a_list_that_is_not_set_is_the_default_folded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("STORYGATE_APPROVED_STATUSES", raising=False)
    assert settings.names("STORYGATE_APPROVED_STATUSES") == frozenset()
    assert settings.names("STORYGATE_APPROVED_STATUSES", frozenset(("Won't Do",))) == {"won't do"}


def test_project_keys_are_put_in_capitals(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("STORYGATE_PROJECTS", raising=False)
    assert settings.projects("STORYGATE_PROJECTS") == frozenset()
    monkeypatch.setenv("STORYGATE_PROJECTS", " proj,, AB_2 ,X,")
    assert settings.projects("STORYGATE_PROJECTS") == {"PROJ", "AB_2", "X"}


@pytest.mark.parametrize("key", ["PROJ-1", "PROJ PAY", "2ND", "_A", "*", "prö", "p\u017foj", "PROJ;PAY"])
def test_what_is_no_project_key_fails_naming_its_variable(monkeypatch: pytest.MonkeyPatch, key: str) -> None:
    monkeypatch.setenv("STORYGATE_PROJECTS", f"PAY,{key}")
    told = f'STORYGATE_PROJECTS: "{key}" is not a project key: write PROJ for the stories PROJ-1, PROJ-2, …'
    with pytest.raises(Misconfigured) as refusal:
        settings.projects("STORYGATE_PROJECTS")
    assert str(refusal.value) == told


@pytest.mark.parametrize("value", ["", " ", ",", ", ,"])
def test_a_list_that_names_nothing_fails_naming_its_variable(monkeypatch: pytest.MonkeyPatch, value: Any) -> None:
    monkeypatch.setenv("STORYGATE_APPROVED_STATUSES", value)
    with pytest.raises(Misconfigured, match="STORYGATE_APPROVED_STATUSES"):
        settings.names("STORYGATE_APPROVED_STATUSES", frozenset(("Done",)))


@pytest.mark.parametrize(
    ("name", "folded"),
    [
        ("Done", "done"),
        ("IN  PROGRESS\t", "in progress"),
        ("Won\N{RIGHT SINGLE QUOTATION MARK}t Do", "won't do"),
        ("Geschlo\N{LATIN SMALL LETTER SHARP S}en", "geschlossen"),
        ("\N{NO-BREAK SPACE}Done\N{NO-BREAK SPACE}", "done"),
        ("", ""),
    ],
)
def test_a_name_is_folded_for_comparison(name: str, folded: Any) -> None:
    assert settings.fold(name) == folded


def test_the_grace_period_is_72_hours_unless_the_stage_says_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("STORYGATE_SECRET_GRACE_HOURS", raising=False)
    assert settings.grace_hours() == 72
    monkeypatch.setenv("STORYGATE_SECRET_GRACE_HOURS", " 1.5 ")
    assert settings.grace_hours() == 1.5
    for hours in (0, 24 * 366 * 100 - 1):
        assert settings.grace_hours({"STORYGATE_SECRET_GRACE_HOURS": str(hours)}) == hours


@pytest.mark.parametrize("value", ["", "three days", "-1", "nan", "inf", str(24 * 366 * 100)])
def test_a_grace_period_that_is_no_number_of_hours_fails_naming_its_variable(value: str) -> None:
    with pytest.raises(Misconfigured, match="STORYGATE_SECRET_GRACE_HOURS"):
        settings.grace_hours({"STORYGATE_SECRET_GRACE_HOURS": value})


def test_jira_is_called_at_its_site_unless_another_base_is_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("STORYGATE_JIRA_API", raising=False)
    monkeypatch.setenv("STORYGATE_JIRA_SITE", " ")
    assert settings.jira_site() is settings.jira_api() is None
    monkeypatch.setenv("STORYGATE_JIRA_SITE", "https://example.atlassian.net/ ")
    assert settings.jira_site() == settings.jira_api() == "https://example.atlassian.net"
    monkeypatch.setenv("STORYGATE_JIRA_API", "https://api.atlassian.com/ex/jira/X/")
    assert settings.jira_api() == "https://api.atlassian.com/ex/jira/X"


@pytest.mark.parametrize(
    "value",
    ["example.atlassian.net", "http://example.atlassian.net", "https://", "ftp://127.0.0.1", "https://a:b@x", "https://:b@x",
     "https://x?y",
     "https://x#y", "https://x:port", "https://[x"],
)  # fmt: skip
def test_jiras_address_is_https_or_this_machine(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("STORYGATE_JIRA_SITE", value)
    with pytest.raises(Misconfigured, match="STORYGATE_JIRA_SITE must be an address"):
        settings.jira_site()
    monkeypatch.setenv("STORYGATE_JIRA_SITE", "http://127.0.0.1:8002")
    assert settings.jira_site() == "http://127.0.0.1:8002"


def test_jira_is_told_unless_that_is_off() -> None:
    told = {value: settings.jira_tell({"STORYGATE_JIRA_TELL": value}) for value in ("", " on ", "OFF")}
    assert told == {"": True, " on ": True, "OFF": False}
    assert settings.jira_tell({}) is True
    with pytest.raises(Misconfigured, match=r"^STORYGATE_JIRA_TELL must be on or off$"):
        settings.jira_tell({"STORYGATE_JIRA_TELL": "no"})


def test_a_run_is_shown_at_an_address_with_its_name() -> None:
    assert settings.run_url({}) is None
    for url in ("https://ci/{execution}", "http://127.0.0.1:8001/runs/@/{execution}"):
        assert settings.run_url({"STORYGATE_RUN_URL": f" {url} "}) == url
    for wrong in (
        "https://ci/",
        "javascript:{execution}",
        "{execution}",
        "https://a:b@ci/{execution}",
        "https:///{execution}",
    ):
        with pytest.raises(Misconfigured, match=r"^STORYGATE_RUN_URL must be an address with .* without credentials$"):
            settings.run_url({"STORYGATE_RUN_URL": wrong})

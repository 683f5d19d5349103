"""Whatever Jira answers, it never breaks the sweep, and nothing but a change to a listed status approves."""

import json
from datetime import UTC, datetime
from typing import Any, cast

from hypothesis import given
from hypothesis import strategies as st

from chalicelib.jira_api import Issues, JiraApi, JiraFailed
from chalicelib.jira_ask import ask
from chalicelib.sweep import Asked, WaitingStory
from chalicelib.verdicts import VerdictTable
from tests.chalicelib.fakes import DEFAULT_RULES, Table

TEXT = st.sampled_from(
    ["Done", "To Do", "status", "Key", "PROJ-1", "2026-01-01T10:00:00.000+0000", "", "\ud800", "A-0"]
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=6,
)


def some(**fields: Any) -> Any:
    """An object with some of these fields, each as it should be or anything at all."""
    return st.fixed_dictionaries({}, optional={name: value | JSON for name, value in fields.items()})


ITEM = some(
    field=st.sampled_from(["status", "resolution", "Key"]), fieldId=TEXT, fromString=TEXT, toString=TEXT, to=TEXT
)
HISTORY = some(created=TEXT, author=some(accountId=TEXT, displayName=TEXT), items=st.lists(ITEM, max_size=2))
STATUS = some(name=TEXT, id=TEXT, statusCategory=some(key=st.just("done")))
ISSUE = some(
    id=TEXT,
    key=st.sampled_from(["PROJ-1", "PAY-2"]),
    fields=some(status=STATUS, resolution=some(name=TEXT)),
    changelog=some(total=st.integers(0, 2), histories=st.lists(HISTORY, max_size=2)),
)


class Nonsense:
    """Jira's API, which answers this."""

    def __init__(self, issues: list[Any], histories: Any) -> None:
        self._issues, self._histories = issues, histories

    def issues(self, _: list[str]) -> Issues:
        return Issues([issue for issue in self._issues if isinstance(issue, dict)])

    def histories(self, _: str) -> Any:
        if not isinstance(self._histories, list):
            raise JiraFailed("no list")
        return [history for history in self._histories if isinstance(history, dict)]


@given(issues=st.lists(ISSUE | JSON, max_size=2), histories=st.lists(HISTORY, max_size=2) | JSON)
def test_nonsense_is_an_error_or_no_verdict_and_never_breaks_the_sweep(issues: Any, histories: Any) -> None:
    table, answer = Table(), Asked()
    api = cast(JiraApi, Nonsense(issues, histories))
    waiting = [WaitingStory("PROJ-1", ("run",))]
    ask(waiting, api, cast(VerdictTable, table), DEFAULT_RULES, lambda: datetime(2026, 1, 2, tzinfo=UTC), answer)
    assert (answer.asked, answer.left) == (1, 0)
    for _, verdict in table.delivered:
        assert verdict.decision != "approved" or verdict.status == "Done"
    json.dumps(answer.errors)

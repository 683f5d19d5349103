"""Ask Jira about the stories that runs wait for, and deliver what it says as the callback would.

For webhooks that Jira lost. Nothing that Jira does not say decides: an issue that is absent may have been deleted, or
the user may not see it, so it is reported and never rejected.
"""

from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any

from chalicelib.jira_api import MOST_ISSUES, AnswerTooLong, JiraApi, JiraAway, JiraFailed
from chalicelib.jira_history import Unusable, former_keys, last_verdict
from chalicelib.jira_values import key_of, object_of
from chalicelib.refusals import Unavailable
from chalicelib.rules import Rules
from chalicelib.shortening import named
from chalicelib.story_key import is_key
from chalicelib.sweep import Asked, WaitingStory
from chalicelib.verdicts import Verdict, VerdictTable

NAMED = 3  # runs in an error

Issue = dict[str, Any]


def ask(
    stories: list[WaitingStory],
    api: JiraApi,
    table: VerdictTable,
    rules: Rules,
    now: Callable[[], datetime],
    answer: Asked,
) -> None:
    """Ask for each story, and deliver the last verdict of its history; `now` is the present time, in UTC.

    `answer` is filled, also if Jira cannot be used or the time of `api` is over, which raises JiraAway: the rest is
    then left for the next time.
    """
    usable = [story for story in stories if is_key(story.key)]
    answer.errors += [
        f"{story.key[:40]} is no key of Jira's: nothing will decide {_named(story)}"
        for story in stories
        if story not in usable
    ]
    answer.left = _runs(usable)
    for begin in range(0, len(usable), MOST_ISSUES):
        batch = usable[begin : begin + MOST_ISSUES]
        for story, issue in _found(batch, api, answer):
            _decide(story, issue, api, table, rules, now, answer)
        answer.asked += _runs(batch)
        answer.left -= _runs(batch)
        answer.last = batch[-1].key


def _named(story: WaitingStory) -> str:
    """Return the story's runs for an error's text."""
    return named(story.executions, NAMED)


def _runs(stories: list[WaitingStory]) -> int:
    return sum(len(story.executions) for story in stories)


def _found(batch: list[WaitingStory], api: JiraApi, answer: Asked) -> Iterator[tuple[WaitingStory, Issue]]:
    """Yield each story with its issue. One that was moved comes under its new key, so it may need a question alone."""
    try:
        issues, incomplete = api.issues([story.key for story in batch])
    except AnswerTooLong as error:
        if len(batch) == 1:
            answer.errors.append(f"{batch[0].key}: {error}")
            return
        half = len(batch) // 2
        yield from _found(batch[:half], api, answer)
        yield from _found(batch[half:], api, answer)
        return
    except JiraAway:
        raise
    except JiraFailed as error:
        answer.errors.append(f"{batch[0].key} and {len(batch) - 1} other stories: {error}")
        return
    by_key = {key_of(issue.get("key")): issue for issue in issues}
    moved_here = {key for issue in issues for key in former_keys(_embedded(issue))}
    strangers = not by_key.keys() <= {story.key for story in batch}
    for story in batch:
        issue = by_key.get(story.key)
        if issue is None and (strangers or story.key in moved_here) and len(batch) > 1:
            yield from _found([story], api, answer)
        elif issue is None and len(batch) == len(issues) == 1:
            yield story, issues[0]
        elif issue is None:
            why = "could not be read by Jira" if incomplete else "does not exist in Jira, or its user may not see it"
            answer.errors.append(f"{story.key} {why}; waiting: {_named(story)}")
        else:
            yield story, issue


def _decide(
    story: WaitingStory,
    issue: Issue,
    api: JiraApi,
    table: VerdictTable,
    rules: Rules,
    now: Callable[[], datetime],
    answer: Asked,
) -> None:
    key = key_of(issue.get("key"))
    try:
        verdict = last_verdict(issue, _histories(issue, api), rules, now())
        if key is None or not rules.gates(key):
            left = f"{story.key} is now {key}, which" if key != story.key else f"the project of {key}"
            answer.errors.append(f"{left} is not in STORYGATE_PROJECTS; waiting: {_named(story)}")
            key = story.key
        answer.decided += _deliver(story, key, verdict, table)
    except JiraAway:
        raise
    except (Unusable, JiraFailed, Unavailable) as error:
        answer.errors.append(f"{story.key}: {error}; waiting: {_named(story)}")


def _deliver(story: WaitingStory, key: str, verdict: Verdict | None, table: VerdictTable) -> list[str]:
    """Deliver a verdict that is news, and a move, as a webhook would; return the runs that went on."""
    if key != story.key:
        moved = table.deliver(key, verdict, story.key) if verdict else table.move(key, story.key)
        return moved.resumed if moved else []
    if verdict is None or not verdict.is_newer_than(story.standing):
        return []
    return table.deliver(key, verdict).resumed


def _embedded(issue: Issue) -> list[Any]:
    histories = object_of(issue.get("changelog")).get("histories")
    return histories if isinstance(histories, list) else []


def _histories(issue: Issue, api: JiraApi) -> list[Any]:
    """Return all histories of an issue, oldest first; the issue brings only its newest ones, newest first."""
    histories, total = _embedded(issue), object_of(issue.get("changelog")).get("total")
    if isinstance(total, int) and total == len(histories):
        return histories[::-1]
    return api.histories(str(issue.get("id")))

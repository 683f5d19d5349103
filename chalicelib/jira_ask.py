"""Ask Jira about the stories that runs wait for, and deliver what it says as the callback would.

For webhooks that Jira lost. Nothing that Jira does not say decides: an issue that is absent may have been deleted, or
the user may not see it, so it is reported and never rejected.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
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
        if not is_key(story.key)
    ]
    answer.left = _runs(usable)
    asking = _Asking(api, table, rules, now, answer)
    for begin in range(0, len(usable), MOST_ISSUES):
        batch = usable[begin : begin + MOST_ISSUES]
        for story, issue in asking.issues_of(batch):
            asking.decide(story, issue)
        answer.asked += _runs(batch)
        answer.left -= _runs(batch)
        answer.last = batch[-1].key


@dataclass(frozen=True)
class _Asking:
    """One pass through the stories, with what `ask` was given."""

    api: JiraApi
    table: VerdictTable
    rules: Rules
    now: Callable[[], datetime]
    answer: Asked

    def issues_of(self, batch: list[WaitingStory]) -> Iterator[tuple[WaitingStory, Issue]]:
        """Yield each story with its issue.

        One that was moved comes under its new key, so it may have to be asked for alone.
        """
        try:
            issues, incomplete = self.api.issues([story.key for story in batch])
        except AnswerTooLong as error:
            if len(batch) == 1:
                self.answer.errors.append(f"{batch[0].key}: {error}")
                return
            half = len(batch) // 2
            yield from self.issues_of(batch[:half])
            yield from self.issues_of(batch[half:])
            return
        except JiraAway:
            raise
        except JiraFailed as error:
            self.answer.errors.append(f"{batch[0].key} and {len(batch) - 1} other stories: {error}")
            return
        by_key = {key_of(issue.get("key")): issue for issue in issues}
        moved_here = {key for issue in issues for key in former_keys(_embedded(issue))}
        strangers = not by_key.keys() <= {story.key for story in batch}
        for story in batch:
            issue = by_key.get(story.key)
            if issue is None and (strangers or story.key in moved_here) and len(batch) > 1:
                yield from self.issues_of([story])
            elif issue is None and len(batch) == len(issues) == 1:
                yield story, issues[0]
            elif issue is None:
                why = (
                    "could not be read by Jira" if incomplete else "does not exist in Jira, or its user may not see it"
                )
                self.answer.errors.append(f"{story.key} {why}; waiting: {_named(story)}")
            else:
                yield story, issue

    def decide(self, story: WaitingStory, issue: Issue) -> None:
        """Deliver the last verdict of an issue's history, if there is one."""
        key = key_of(issue.get("key"))
        try:
            verdict = last_verdict(issue, self._histories(issue), self.rules, self.now())
            if key is None or not self.rules.gates(key):
                left = f"{story.key} is now {key}, which" if key != story.key else f"the project of {key}"
                self.answer.errors.append(f"{left} is not in STORYGATE_PROJECTS; waiting: {_named(story)}")
                key = story.key
            self.answer.decided += self._deliver(story, key, verdict)
        except JiraAway:
            raise
        except (Unusable, JiraFailed, Unavailable) as error:
            self.answer.errors.append(f"{story.key}: {error}; waiting: {_named(story)}")

    def _deliver(self, story: WaitingStory, key: str, verdict: Verdict | None) -> list[str]:
        """Deliver a verdict that is news, and a move, as a webhook would; return the runs that went on."""
        if key != story.key:
            moved = self.table.deliver(key, verdict, story.key) if verdict else self.table.move(key, story.key)
            return moved.resumed
        if verdict is None or not verdict.is_newer_than(story.standing):
            return []
        return self.table.deliver(key, verdict).resumed

    def _histories(self, issue: Issue) -> list[Any]:
        """Return all histories of an issue, oldest first; the issue brings only its newest ones, newest first."""
        histories, total = _embedded(issue), object_of(issue.get("changelog")).get("total")
        if isinstance(total, int) and total == len(histories):
            return histories[::-1]
        return self.api.histories(str(issue.get("id")))


def _named(story: WaitingStory) -> str:
    """Return the story's runs for an error's text."""
    return named(story.executions, NAMED)


def _runs(stories: list[WaitingStory]) -> int:
    return sum(len(story.executions) for story in stories)


def _embedded(issue: Issue) -> list[Any]:
    histories = object_of(issue.get("changelog")).get("histories")
    return histories if isinstance(histories, list) else []

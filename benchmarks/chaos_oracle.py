"""The right outcome of each input of a chaos run, computed from the deliveries, never by the code under test."""

import time
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from benchmarks.chaos_faults import stem

UPLOAD_MS = 300_000  # what an upload may be older than its run for verdicts to count from it (workflow.asl.yaml)
CAUTION = {"approved": 0, "pending": 1, "rejected": 2}  # at the same millisecond the more cautious one counts

Right = tuple[str, str | None]
"""An outcome, and when its verdict was decided."""


@dataclass
class Event:
    """One delivery of Jira about a story; `decision` is None if it holds no verdict. `at` is in ms."""

    decision: str | None
    at: int
    body: bytes
    headers: dict[str, str] | None = None
    expect: int = 0  # the one status that is right; 0: any 2xx
    sent: float = 0.0
    acknowledged: float = float("inf")
    answers: list[tuple[int, dict[str, Any]]] = field(default_factory=list)


@dataclass
class Story:
    """A story: its script, the executions of its inputs in the order of the uploads, and Jira's deliveries."""

    key: str
    script: str
    executions: list[str] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Found:
    """The results at the end of a run."""

    executions: Mapping[str, Mapping[str, Any]]  # by name, as ListExecutions answers them
    results: Mapping[str, Mapping[str, Any]]  # by execution; a missing one is left out, or empty
    logs: Collection[str]  # the executions that wrote one
    waiting: Collection[str]  # the executions that have an entry in the table
    mended: Mapping[str, int] = field(default_factory=dict)  # how often a sweep says that it resumed an execution


@dataclass
class Judgement:
    """The comparison of the results with the right ones."""

    problems: list[str] = field(default_factory=list)
    seen: Counter[str] = field(default_factory=Counter)  # runs by outcome
    exact: int = 0  # runs with only one right outcome


def judge(stories: Sequence[Story], found: Found, api_succeeds: Callable[[str, str], bool]) -> Judgement:
    """Compare the results with the right ones; `api_succeeds` as in chaos_faults.Plan."""
    judgement = Judgement()
    wanted = {name for story in stories for name in story.executions}
    judgement.problems += [f"{name}: no input started it" for name in sorted(found.executions.keys() - wanted)]
    judgement.problems += [f"{name}: still waits in the table" for name in found.waiting]
    for story in stories:
        judgement.problems += [f"{story.key} ({story.script}): {problem}" for problem in story.problems]
        resumed = Counter(
            name for event in story.events for _, body in event.answers for name in body.get("resumed", [])
        )
        for number, name in enumerate(story.executions):
            run = f"{name} ({story.script})"
            if name not in found.executions:
                judgement.problems.append(f"{run}: never started")
                continue
            lacks = [f for f, there in (("result", found.results.get(name)), ("log", name in found.logs)) if not there]
            times = resumed[name] + found.mended.get(name, 0)
            if times > 1 or lacks:
                judgement.problems.append(f"{run}: resumed {times} times, lacks {lacks}")
            _judge_run(judgement, story, number, found, api_succeeds)
    return judgement


def _judge_run(
    judgement: Judgement, story: Story, number: int, found: Found, api_succeeds: Callable[[str, str], bool]
) -> None:
    execution = found.executions[story.executions[number]]
    result = found.results.get(execution["name"], {})
    ways = right(story, execution, api_succeeds)
    verdict = (result.get("outcome"), (result.get("decision") or {}).get("decidedAt"))
    judgement.seen[str(result.get("outcome"))] += 1
    judgement.exact += len({outcome for outcome, _ in ways}) == 1
    green = execution["status"] == "SUCCEEDED"
    if verdict not in ways or green != (verdict[0] == "approved"):
        judgement.problems.append(
            f"{execution['name']} ({story.script}): {execution['status']}, {verdict}, but right is "
            f"{sorted(ways, key=str)}: {result.get('reason')}"
        )
    read = result.get("metadata", {}).get("run")
    if story.script != "not JSON" and result and read != number:
        judgement.problems.append(
            f"{execution['name']} ({story.script}): read upload {read}, but was started by {number}"
        )


def counts_from_ms(execution_input: Mapping[str, Any], started: datetime) -> int:
    """Return the moment, in epoch milliseconds, from which verdicts count for a run."""
    start = int(started.timestamp() * 1000)
    dropped = execution_input.get("droppedAt")
    uploaded = round(datetime.fromisoformat(dropped).timestamp() * 1000) if dropped else start
    return max(min(uploaded, start), start - UPLOAD_MS)


def right(story: Story, execution: Mapping[str, Any], api_succeeds: Callable[[str, str], bool]) -> set[Right]:
    """The outcomes that are right for a run, each with the time of its verdict.

    A verdict counts if it was decided after the run's input was uploaded; the run can have taken it if it was sent
    before the run ended, and if nothing newer had been acknowledged before it was sent.
    """
    if story.script in ("invalid", "not JSON"):
        return {("invalid_input", None)}
    if not all(api_succeeds(stem(execution["name"]), api) for api in ("validation", "deployment")):
        return {("api_failed", None)}
    counts_from, stop = counts_from_ms(execution["input"], execution["startDate"]), execution.get("stopDate")
    ended = stop.timestamp() if stop else float("inf")
    said = [event for event in story.events if event.decision]
    ways: set[Right] = {
        (str(event.decision), iso(event.at))
        for event in said
        if event.decision != "pending"
        and event.at > counts_from
        and event.sent < ended
        and not any(_beats(newer, event) and newer.acknowledged < event.sent for newer in said)
    }
    return ways or {("timed_out", None)}


def _beats(one: Event, other: Event) -> bool:
    return (one.at, CAUTION[str(one.decision)]) > (other.at, CAUTION[str(other.decision)])


def iso(milliseconds: int) -> str:
    """Milliseconds since 1970, written as in results."""
    seconds = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(milliseconds // 1000))
    return f"{seconds}.{milliseconds % 1000:03d}Z"

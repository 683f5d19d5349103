"""A seeded run in which everything that may go wrong does; afterwards every input has exactly one right outcome.

    python -m benchmarks.chaos --seed 7 --events 10000

S3 delivers late, twice and out of order; AWS throttles, breaks, stalls, or does what it was asked and loses the answer;
the APIs answer 429 and 50x or nothing; Jira delivers twice, out of order, and again after anything but 2xx and 4xx.
What is right is computed from what was sent and when (`_right`), never from what the code under test says of itself.
The faults are the seed's (see chaos_faults); threads take turns as they like, and what is right holds for any turns.
"""

import argparse
import itertools
import json
import logging
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from moto.core import DEFAULT_ACCOUNT_ID
from moto.stepfunctions.parser.models import stepfunctions_parser_backends

from benchmarks.chaos_faults import Faults, Plan
from benchmarks.local_stage import LocalStage, awaited, local_stage
from benchmarks.table import Figure
from storygate import jira

NAME = "chaos"
EVENTS = 10_000
AT_ONCE = 24  # stories
EAGER = 0.3  # of the stories are decided without a look at whether their runs have started,
PATIENT = 0.6  # and from here on not before all of them wait
RESENDS = 5  # Jira's, 5 to 15 minutes apart; here RESEND_SECONDS
RESEND_SECONDS = 0.3
SKEW_MS = 5_000  # what a verdict may be older than the run it counts for (workflow.yaml, ClockSkewSeconds)
PATIENCE = 120.0
HOUR_MS = 3_600_000
CAUTION = {"approved": 0, "pending": 1, "rejected": 2}  # at the same millisecond the more cautious one stands
SCRIPTS = (
    ("approved",) * 8
    + ("rejected",) * 4
    + ("stale", "newer first", "at once", "taken back", "pending first", "comment", "forged", "deleted")
    + ("silent", "flat", "automation", "invalid", "not JSON")
)


@dataclass
class Event:
    """Something that Jira says of a story; `decision` None if there is no verdict in it."""

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
    """What is played: a script, the executions its inputs start, what Jira said."""

    key: str
    script: str
    executions: list[str] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Outcome:
    """What became of a seed."""

    seed: int
    runs: int
    exact: int  # runs of which one outcome alone was right
    seen: Counter[str]
    events: Counter[str]
    aws_calls: int
    faults: int
    problems: list[str]
    seconds: float

    def line(self) -> str:
        """The seed in one line."""
        told = ", ".join(f"{count:,} {what}" for what, count in sorted(self.events.items()))
        ends = ", ".join(f"{count} {what}" for what, count in self.seen.most_common())
        verdict = "every input one right outcome" if not self.problems else f"{len(self.problems)} WRONG"
        return (
            f"seed {self.seed}: {self.events.total():,} events ({told}), {self.aws_calls:,} AWS calls, {self.faults:,} "
            f"faults, {self.runs:,} runs ({ends}): {verdict}; {self.seconds:.0f} s"
        )


def run(quick: bool) -> Sequence[Figure]:
    """Plays one seed in full (`quick`: a twentieth of it)."""
    outcome = play([1], EVENTS // 20 if quick else EVENTS)[0]
    return [
        Figure("inputs without one right outcome", str(len(outcome.problems)), "0", not outcome.problems, must=True),
        Figure("events", f"{outcome.events.total():,}", None, None, outcome.line()),
    ]


def play(seeds: Sequence[int], events: int, say: Callable[[str], None] = print) -> list[Outcome]:
    """Plays seeds one after the other, each on a local cloud of its own; tells each in a line, and what is wrong."""
    logging.getLogger("storygate.local").setLevel(logging.ERROR)  # its warnings are the faults
    outcomes = []
    for seed in seeds:
        faults = Faults()
        with local_stage(faults.wrap) as stage:
            outcomes.append(play_on(stage, faults, seed, events))
        say(outcomes[-1].line())
        for problem in outcomes[-1].problems:
            say(f"  {problem}")
    return outcomes


def play_on(stage: LocalStage, faults: Faults, seed: int, events: int) -> Outcome:
    """Plays a seed until that many events have been delivered, on a stage whose cloud has `faults.wrap` around it."""
    began = time.monotonic()
    faults.begin(Plan(seed))
    game = _Game(stage, faults, seed)
    with faults.in_workflow(), faults.in_s3_events():
        while game.delivered() < events:
            with ThreadPoolExecutor(AT_ONCE) as players:
                while game.delivered() + game.expected() < events:
                    game.begin_story(players)
        try:
            awaited("all ended", lambda: not game.running(), PATIENCE)
        except TimeoutError as late:
            game.problems.append(str(late))
        counted = Counter({what: faults.calls[what] for what in ("S3", "Jira", "API")})
        aws_calls = faults.calls.total() - counted.total() - faults.calls["callback"]
        faults.plan = None
    game.judge()
    return Outcome(
        seed,
        sum(len(story.executions) for story in game.stories),
        game.exact,
        game.seen,
        counted,
        aws_calls,
        faults.injected.total(),
        game.problems,
        time.monotonic() - began,
    )


class _Game:
    """The stories of a seed."""

    def __init__(self, stage: LocalStage, faults: Faults, seed: int) -> None:
        self.stage, self.faults, self.seed = stage, faults, seed
        assert faults.plan  # noqa: S101, begun
        self.plan = faults.plan
        self.stories: list[Story] = []
        self.problems: list[str] = []
        self.seen: Counter[str] = Counter()
        self.exact = 0
        backends = stepfunctions_parser_backends[DEFAULT_ACCOUNT_ID].values()
        self._machine = next(m for backend in backends for m in backend.state_machines if m.arn == stage.machine)
        self._known: dict[str, Any] = {}
        self._looking = threading.Lock()
        self._under_way = threading.BoundedSemaphore(AT_ONCE)
        self._deliveries = ThreadPoolExecutor(AT_ONCE)

    def delivered(self) -> int:
        """S3's events, Jira's deliveries and the APIs' requests so far."""
        return sum(self.faults.calls[what] for what in ("S3", "Jira", "API"))

    def expected(self) -> int:
        """Events that stories under way will still make, roughly."""
        return 6 * (AT_ONCE - self._under_way._value)

    def begin_story(self, players: ThreadPoolExecutor) -> None:
        """Begins another one as soon as fewer than AT_ONCE are under way."""
        self._under_way.acquire()
        key = f"C{self.seed}-{len(self.stories) + 1}"
        story = Story(key, self.plan.choose(SCRIPTS, "script", key))
        self.stories.append(story)

        def play() -> None:
            try:
                self._play(story)
            except Exception as error:  # noqa: BLE001, told
                story.problems.append(f"{type(error).__name__}: {error}")
            finally:
                self._under_way.release()

        players.submit(play)

    def _play(self, story: Story) -> None:
        draw = self.plan.draw
        runs = self.plan.choose((1, 1, 1, 1, 2, 3), "runs", story.key)
        for number in range(runs):
            story.executions.append(self._drop(story, number))
            time.sleep(draw("pause", story.key, number) * 0.3)
        if (eager := draw("eager", story.key)) > EAGER:
            self._await(story, lambda: all(self._waits(name, eager > PATIENT) for name in story.executions))
        time.sleep(draw("think", story.key) ** 2 * 4)
        if story.script == "silent":
            self._await(story)
        for group in self._script(story):
            sends = [self._deliveries.submit(self._deliver, story, event, copy) for event, copy in group]
            for send in sends:
                send.result()
        if not self._await(story, lambda: self._is_undecided(story)):
            # A run may have started so late that no verdict counts for it: so that it ends, too.
            self._deliver(story, self._webhook(story, "rejected", int(time.time() * 1000)), 0)
            if not self._await(story):
                story.problems.append("still runs")
        if story.script not in ("invalid", "not JSON"):
            # Whatever a crash left behind, such as the entry of a run that timed out, the next delivery mends.
            self._deliver(story, self._webhook(story, "approved", int(time.time() * 1000)), 0)

    def _drop(self, story: Story, number: int) -> str:
        request: dict[str, Any] = {"jiraStoryId": story.key, "packageIds": ["pkg-001"], "metadata": {"run": number}}
        if story.script == "silent":
            request["timeoutSeconds"] = 2
        if story.script == "invalid":
            del request["packageIds"]
        content = b"{not JSON" if story.script == "not JSON" else json.dumps(request).encode()
        return self.stage.drop(f"{story.key}.{number}.json", content)

    def _script(self, story: Story) -> Sequence[Sequence[tuple[Event, int]]]:
        """Groups of deliveries: those of a group go out at once, the next group when all of them were answered."""
        now = int(time.time() * 1000)
        twice = self.plan.choose((1, 1, 2, 3), "copies", story.key)

        def say(decision: str, at: int = now) -> Event:
            return self._webhook(story, decision, at)

        def several(event: Event) -> list[tuple[Event, int]]:
            return [(event, copy) for copy in range(twice)]

        other = self.plan.choose(("approved", "rejected"), "verdict", story.key)
        match story.script:
            case "approved" | "rejected":
                return [several(say(story.script))]
            case "stale":
                stale = say("approved" if other == "rejected" else "rejected", now - HOUR_MS)
                if twice == 1:
                    return [several(stale) + several(say(other))]
                return [several(stale), several(say(other))]
            case "newer first":
                return [several(say("rejected")), several(say("approved", now - 20))]
            case "at once":
                return [several(say("approved", now - 7)) + several(say("rejected"))]
            case "taken back":
                first, second = say("approved", now), say("pending", now + 1)
                return [several(first), several(second), several(say("rejected", now + 2))]
            case "pending first":
                return [several(say("pending", now - 9)), several(say(other))]
            case "comment":
                return [several(self._comment(story, now)), several(say("rejected"))]
            case "forged":
                return [several(self._forged(story, now)), several(say("rejected"))]
            case "deleted":
                return [several(self._deleted(story, now))]
            case "flat":
                body = {"jiraStoryId": story.key.lower(), "status": other, "timestamp": now}
                return [several(self._bearer(other, now, body))]
            case "automation":
                hook = jira.issue_updated(story.key, "approved", now=now / 1000)
                return [several(self._bearer("approved", now, {"issue": hook["issue"], "timestamp": now}))]
        return []

    def _webhook(self, story: Story, decision: Any, at: int) -> Event:
        return self._said(story, Event(decision, at, jira.encode(self._body(story, decision, at))))

    def _body(self, story: Story, decision: Any, at: int) -> dict[str, Any]:
        return jira.issue_updated(story.key, decision, now=0) | {"timestamp": at}

    def _comment(self, story: Story, at: int) -> Event:
        body = self._body(story, "approved", at) | {"webhookEvent": "comment_created", "changelog": {"items": []}}
        return self._said(story, Event(None, at, jira.encode(body)))

    def _forged(self, story: Story, at: int) -> Event:
        headers = {"X-Hub-Signature": "sha256=" + "0" * 64}
        return self._said(story, Event(None, at, jira.encode(self._body(story, "approved", at)), headers, 401))

    def _deleted(self, story: Story, at: int) -> Event:
        body = self._body(story, "approved", at) | {"webhookEvent": "jira:issue_deleted", "changelog": {"items": []}}
        return self._said(story, Event("rejected", at, jira.encode(body)))

    def _bearer(self, decision: str, at: int, body: dict[str, Any]) -> Event:
        story = self.stories[int(str(body.get("jiraStoryId") or body["issue"]["key"]).rpartition("-")[2]) - 1]
        headers = {"Authorization": f"Bearer {self.stage.secret}"}
        return self._said(story, Event(decision, at, jira.encode(body), headers))

    def _said(self, story: Story, event: Event) -> Event:
        story.events.append(event)
        return event

    def _deliver(self, story: Story, event: Event, copy: int) -> None:
        """One delivery as Jira makes it: sent again after no answer, 408, 409, 425, 429 and 5xx, but not for ever."""
        name = f"{story.key}/{story.events.index(event)}/{copy}"
        time.sleep(self.plan.draw("delay", name) ** 2 * 0.5)
        headers = event.headers or {"X-Hub-Signature": jira.sign(event.body, self.stage.secret)}
        for resend in range(RESENDS + 1):
            self.faults.count("Jira")
            event.sent = event.sent or time.time()
            named = headers | {"X-Atlassian-Webhook-Identifier": name, "X-Atlassian-Webhook-Retry": str(resend)}
            answer = self.stage.call_back(event.body, named, timeout=20)
            if 200 <= answer.status < 300:
                event.acknowledged = min(event.acknowledged, time.time())
                event.answers.append((answer.status, answer.body))
            if answer.status and answer.status not in (408, 409, 425, 429) and answer.status < 500:
                if answer.status != event.expect and not (event.expect == 0 and 200 <= answer.status < 300):
                    story.problems.append(f"delivery {name} was answered {answer.status}")
                return
            time.sleep(RESEND_SECONDS * (0.5 + self.plan.draw("resend", name, resend)))
        story.problems.append(f"delivery {name} was given up by Jira")

    def running(self) -> list[str]:
        """The executions that have not ended."""
        return [name for name, told in self._executions().items() if self._is_ours(name) and told.stop_date is None]

    def _is_ours(self, execution: str) -> bool:
        return execution.startswith(f"C{self.seed}-")

    def _executions(self) -> dict[str, Any]:
        """Every execution by name, from moto itself: to ask AWS for them again and again costs as much as the runs."""
        with self._looking:
            for execution in itertools.islice(self._machine.executions, len(self._known), None):
                self._known[execution.name] = execution
            return self._known

    def _waits(self, name: str, for_story: bool) -> bool:
        """Whether a run has started; `for_story`: whether it waits for its story, or has ended."""
        execution = self._executions().get(name)
        if execution is None or not for_story:
            return execution is not None
        env = execution.exec_worker and execution.exec_worker.env
        return execution.stop_date is not None or bool(env and env.next_state_name == "WaitForStory")

    def _is_undecided(self, story: Story) -> bool:
        """Whether one of the story's runs has started, and no verdict there is counts for it."""
        known = self._executions()
        starts = [known[name].start_date.timestamp() for name in story.executions if name in known]
        if len(starts) < len(story.executions) or story.script in ("silent", "invalid", "not JSON"):
            return False
        verdicts = [event.at for event in story.events if event.decision not in (None, "pending")]
        return any(all(at <= int(start * 1000) - SKEW_MS for at in verdicts) for start in starts)

    def _await(self, story: Story, enough: Callable[[], bool] = lambda: False) -> bool:
        """Whether all of the story's runs have ended; waits for that, or until it is `enough`."""
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            known = self._executions()
            if all(name in known and known[name].stop_date for name in story.executions):
                return True
            if enough():
                return False
            time.sleep(0.2)
        return False

    def judge(self) -> None:
        """Compares what is there with what is right."""
        self._deliveries.shutdown()
        started = {name: told for name, told in self.stage.executions().items() if self._is_ours(name)}
        wanted = {name for story in self.stories for name in story.executions}
        self.problems += [f"{name}: no input started it" for name in started.keys() - wanted]
        outputs, logs = self.stage.files("outputs/"), self.stage.files("logs/")
        self.problems += [f"{name}: still waits in the table" for name in self.stage.waiting() if self._is_ours(name)]
        for story in self.stories:
            self.problems += [f"{story.key} ({story.script}): {problem}" for problem in story.problems]
            resumed = Counter(
                name for event in story.events for _, body in event.answers for name in body.get("resumed", [])
            )
            for number, name in enumerate(story.executions):
                if name not in started:
                    self.problems.append(f"{name} ({story.script}): never started")
                    continue
                files = [folder for folder, names in (("outputs", outputs), ("logs", logs)) if name not in names]
                if resumed[name] > 1 or files:
                    self.problems.append(f"{name} ({story.script}): resumed {resumed[name]} times, lacks {files}")
                self._judge_run(story, number, started[name])

    def _judge_run(self, story: Story, number: int, told: dict[str, Any]) -> None:
        result = self.stage.result(told["name"])
        right = self._right(story, number, told)
        decision = result.get("decision") or {}
        verdict = (result.get("outcome"), decision.get("decidedAt"))
        self.seen[str(result.get("outcome"))] += 1
        self.exact += len({outcome for outcome, _ in right}) == 1
        green = told["status"] == "SUCCEEDED"
        if verdict not in right or green != (verdict[0] == "approved"):
            self.problems.append(
                f"{told['name']} ({story.script}): {told['status']}, {verdict}, but right is {sorted(right, key=str)}: "
                f"{result.get('reason')}"
            )

    def _right(self, story: Story, number: int, told: dict[str, Any]) -> set[tuple[str, str | None]]:
        """The outcomes that are right for a run, each with the time of its verdict.

        A verdict counts if it was decided after the run started, less the allowance for clocks; the run can have taken
        it if it was sent before the run ended, and if nothing newer had been acknowledged before it was sent.
        """
        if story.script in ("invalid", "not JSON"):
            return {("invalid_input", None)}
        whose = f"{story.key}-{number}"  # a dot in a key is a dash in an execution's name
        if not all(self.plan.api_succeeds(whose, api) for api in ("validation", "deployment")):
            return {("api_failed", None)}
        start, stop = told["startDate"].timestamp(), told.get("stopDate")
        ended = stop.timestamp() if stop else float("inf")
        said = [event for event in story.events if event.decision]

        def beats(one: Event, other: Event) -> bool:
            return (one.at, CAUTION[str(one.decision)]) > (other.at, CAUTION[str(other.decision)])

        right: set[tuple[str, str | None]] = {
            (str(event.decision), _iso(event.at))
            for event in said
            if event.decision != "pending"
            and event.at > int(start * 1000) - SKEW_MS
            and event.sent < ended
            and not any(beats(newer, event) and newer.acknowledged < event.sent for newer in said)
        }
        return right or {("timed_out", None)}


def _iso(milliseconds: int) -> str:
    seconds = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(milliseconds // 1000))
    return f"{seconds}.{milliseconds % 1000:03d}Z"


def main() -> int:
    """The command line; 1 if any seed went wrong."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.chaos", description=__doc__.splitlines()[0])
    parser.add_argument("--seed", type=int, default=1, help="the first seed")
    parser.add_argument("--seeds", type=int, default=1, help="how many seeds, one after the other")
    parser.add_argument("--events", type=int, default=EVENTS, help=f"for each (default {EVENTS})")
    given = parser.parse_args()
    outcomes = play(range(given.seed, given.seed + given.seeds), given.events, lambda line: print(line, flush=True))
    return int(any(outcome.problems for outcome in outcomes))


if __name__ == "__main__":
    sys.exit(main())

"""Chaos: every kind of fault occurs; after it every input must have exactly one right outcome.

    python -m benchmarks.chaos --seed 7 --events 10000

S3 delivers late, twice and out of order; AWS throttles, breaks, stalls, or does what it was asked and loses the answer;
the APIs answer 50x or nothing; Jira delivers twice, out of order, and again after anything but 2xx and 4xx.
What is right is computed from what was sent and when (chaos_oracle), never from what the code says of itself.
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
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from moto.core import DEFAULT_ACCOUNT_ID
from moto.stepfunctions.parser.models import stepfunctions_parser_backends

from benchmarks.chaos_faults import Faults, Plan, stem
from benchmarks.chaos_oracle import Event, Found, Judgement, Story, counts_from_ms, judge
from benchmarks.local_stage import LocalStage, awaited, local_stage
from benchmarks.table import Figure
from chalicelib import jira
from chalicelib.entries import Entries
from chalicelib.rules import Rules
from storygate.operations import jira_webhook
from storygate.runs.result_files import LOGS
from storygate.stage.definition import WAIT

EVENTS = 10_000
EVENT_KINDS = ("S3", "Jira", "API")
AT_ONCE = 24  # stories
EAGER = 0.3  # of the stories are decided without a look at whether their runs have started,
PATIENT = 0.6  # and from here on not before all of them wait
AGAIN = 0.4  # of a story's further inputs are uploaded to the key of the one before
RESENDS = 5  # Jira's, 5 to 15 minutes apart; here RESEND_SECONDS
RESEND_SECONDS = 0.3
DIES = 0.1  # of the callbacks with a verdict, after they wrote it
SWEEP_SECONDS = 1.0  # between two sweeps; in a stage five minutes
LAST_SWEEPS = 20  # at most, until nothing waits: each may suffer faults
PATIENCE = 120.0
HOUR_MS = 3_600_000
SCRIPTS = (
    ("approved",) * 8
    + ("rejected",) * 4
    + ("stale", "newer first", "at once", "taken back", "pending first", "comment", "forged", "deleted")
    + ("silent", "flat", "automation", "invalid", "not JSON")
)


@dataclass(frozen=True)
class Outcome:
    """The result of one seed."""

    seed: int
    asked: int  # events
    runs: int
    versions: int  # runs whose input's key had another version before
    judgement: Judgement
    calls: Counter[str]  # by operation
    faults: Counter[str]  # by operation
    seconds: float
    died: int = 0  # callbacks
    mended: int = 0  # runs that a sweep resumed
    given_up: int = 0  # deliveries

    @property
    def problems(self) -> list[str]:
        """The problems found."""
        return self.judgement.problems

    @property
    def events(self) -> Counter[str]:
        """S3's events, Jira's deliveries and the APIs' requests."""
        return Counter({what: self.calls[what] for what in EVENT_KINDS})

    def line(self) -> str:
        """The seed in one line."""
        kinds = ", ".join(f"{count:,} {what}" for what, count in sorted(self.events.items()))
        ends = ", ".join(f"{count} {what}" for what, count in self.judgement.seen.most_common())
        aws_calls = self.calls.total() - self.events.total() - self.calls["callback"]
        verdict = "every input one right outcome" if not self.problems else f"{len(self.problems)} WRONG"
        exact = f"{self.judgement.exact:,} of {self.runs:,} could end in one way only"
        return (
            f"seed {self.seed}: {self.events.total():,} events ({kinds}), {aws_calls:,} AWS calls, "
            f"{self.faults.total():,} faults, {self.died:,} callbacks that died, "
            f"{self.given_up} deliveries that Jira gave up, {self.runs:,} runs ({ends}), "
            f"{self.mended:,} resumed by a sweep, {self.versions:,} of a key's later version, "
            f"{exact}: {verdict}; {self.seconds:.0f} s"
        )

    def suffered(self) -> str:
        """The faults by operation, each with the number of calls; Jira's faults are in its number of deliveries."""
        calls = sorted((what, count) for what, count in self.calls.items() if what != "Jira")
        return ", ".join(f"{what} {self.faults[what]:,} of {count:,}" for what, count in calls)

    def wrong(self) -> list[str]:
        """A line for each problem, and the command that plays the seed again; empty without a problem."""
        if not self.problems:
            return []
        return [*self.problems, f"again: python -m benchmarks.chaos --seed {self.seed} --events {self.asked}"]


def run(quick: bool) -> Sequence[Figure]:
    """Play one whole seed (`quick`: a twentieth of it)."""
    (outcome,) = play([1], EVENTS // 20 if quick else EVENTS)
    _print(outcome.wrong())
    kinds = sorted(what for what, count in outcome.faults.items() if count)
    return [
        Figure("inputs without one right outcome", str(len(outcome.problems)), "0", not outcome.problems, must=True),
        Figure("events", f"{outcome.events.total():,}", None, None, outcome.line()),
        Figure(
            "faults", f"{outcome.faults.total():,}", None, None, f"of {len(kinds)} kinds of call: {', '.join(kinds)}"
        ),
    ]


def play(seeds: Iterable[int], events: int) -> Iterator[Outcome]:
    """Play seeds one after the other, each on a local cloud of its own."""
    logging.getLogger("localcloud").setLevel(logging.ERROR)  # its warnings are the faults
    for seed in seeds:
        faults = Faults()
        with local_stage(faults.wrap) as stage:
            outcome = play_on(stage, faults, seed, events)
        yield outcome


def play_on(stage: LocalStage, faults: Faults, seed: int, events: int) -> Outcome:
    """Play a seed until that many events have been delivered, on a stage whose cloud has `faults.wrap` around it."""
    began = time.monotonic()
    faults.begin(Plan(seed))
    game = _Game(stage, faults, seed)
    with faults.in_workflow(), faults.in_s3_events():
        with game.sweeping():
            while game.delivered() < events:
                with ThreadPoolExecutor(AT_ONCE) as players:
                    while game.delivered() + game.expected() < events:
                        game.begin_story(players)
            try:
                awaited("all ended", lambda: not game.running(), PATIENCE)
            except TimeoutError as late:
                game.problems.append(str(late))
        game.sweep_to_the_end()
        calls, suffered = Counter(faults.calls), faults.by_operation()
        faults.plan = None
    judgement = game.judge()
    runs = [name for story in game.stories for name in story.executions]
    versions = len(runs) - len({stem(name) for name in runs})
    counted = judgement, calls, suffered, time.monotonic() - began, game.died, game.mended.total(), game.given_up
    return Outcome(seed, events, len(runs), versions, *counted)


class _Game:
    """The stories of a seed."""

    def __init__(self, stage: LocalStage, faults: Faults, seed: int) -> None:
        self.stage, self.faults, self.seed = stage, faults, seed
        assert faults.plan  # noqa: S101, begun
        self.plan = faults.plan
        self.stories: list[Story] = []
        self.problems: list[str] = []
        backends = stepfunctions_parser_backends[DEFAULT_ACCOUNT_ID].values()
        self._machine = next(m for backend in backends for m in backend.state_machines if m.arn == stage.machine)
        self._known: dict[str, Any] = {}
        self._looking = threading.Lock()
        self._places = threading.BoundedSemaphore(AT_ONCE)
        self._under_way = 0
        self._counting = threading.Lock()
        self._deliveries = ThreadPoolExecutor(AT_ONCE)
        self.died = 0
        self.given_up = 0  # deliveries that Jira sent six times without a 2xx
        self.mended: Counter[str] = Counter()  # runs that a sweep resumed

    @contextmanager
    def sweeping(self) -> Iterator[None]:
        """Sweep again and again while the block runs, as the schedule does."""
        over = threading.Event()

        def sweep_on() -> None:
            while not over.wait(SWEEP_SECONDS):
                self._sweep()

        sweeper = threading.Thread(target=sweep_on)
        sweeper.start()
        try:
            yield
        finally:
            over.set()
            sweeper.join()

    def sweep_to_the_end(self) -> None:
        """Sweep until no run has an entry, or LAST_SWEEPS times."""
        for _ in range(LAST_SWEEPS):
            if not any(map(self._is_ours, self.stage.waiting())):
                return
            self._sweep()

    def _sweep(self) -> None:
        """Invoke the sweep's function. If it fails, as AWS's faults make it, the next one goes on."""
        function = self.stage.deployment.stage.sweep
        answer = self.stage.cloud.client("lambda").invoke(FunctionName=function)
        if "FunctionError" not in answer:
            self.mended.update(json.loads(answer["Payload"].read())["mended"])

    def delivered(self) -> int:
        """S3's events, Jira's deliveries and the APIs' requests so far."""
        return sum(self.faults.calls[what] for what in EVENT_KINDS)

    def expected(self) -> int:
        """Roughly the number of events that unfinished stories will still make."""
        return 6 * self._under_way

    def begin_story(self, players: ThreadPoolExecutor) -> None:
        """Begin another story as soon as fewer than AT_ONCE are unfinished."""
        self._places.acquire()
        self._count_under_way(1)
        key = f"C{self.seed}-{len(self.stories) + 1}"
        story = Story(key, self.plan.choose(SCRIPTS, "script", key))
        self.stories.append(story)

        def play() -> None:
            try:
                self._play(story)
            except Exception as error:  # noqa: BLE001, reported
                story.problems.append(f"{type(error).__name__}: {error}")
            finally:
                self._count_under_way(-1)
                self._places.release()

        players.submit(play)

    def _count_under_way(self, more: int) -> None:
        with self._counting:
            self._under_way += more

    def _play(self, story: Story) -> None:
        draw = self.plan.draw
        runs = self.plan.choose((1, 1, 1, 1, 2, 3), "runs", story.key)
        upload = 0
        for number in range(runs):
            if draw("again", story.key, number) >= AGAIN:
                upload = number
            story.executions.append(self._drop(story, number, f"{story.key}.{upload}.json"))
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
            # A run may have started so late that no verdict counts for it; this one ends it, too.
            self._deliver(story, self._webhook(story, "rejected", int(time.time() * 1000)), 0)
            if not self._await(story):
                story.problems.append("still runs")

    def _drop(self, story: Story, number: int, name: str) -> str:
        request: dict[str, Any] = {"jiraStoryId": story.key, "packageIds": ["pkg-001"], "metadata": {"run": number}}
        if story.script == "silent":
            request["timeoutSeconds"] = 2
        if story.script == "invalid":
            del request["packageIds"]
        content = b"{not JSON" if story.script == "not JSON" else json.dumps(request).encode()
        return self.stage.drop(name, content)

    def _script(self, story: Story) -> Sequence[Sequence[tuple[Event, int]]]:
        """Groups of deliveries: a group is sent at once, the next one when all of it has been answered."""
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
                return [several(self._bearer(story, other, now, body))]
            case "automation":
                hook = jira_webhook.issue_updated(story.key, "approved", now=now / 1000)
                body = {"issue": hook["issue"], "timestamp": now}
                return [several(self._bearer(story, "approved", now, body))]
        return []

    def _webhook(self, story: Story, decision: Any, at: int) -> Event:
        return self._said(story, Event(decision, at, jira_webhook.encode(self._body(story, decision, at))))

    def _body(self, story: Story, decision: Any, at: int) -> dict[str, Any]:
        return jira_webhook.issue_updated(story.key, decision, now=0) | {"timestamp": at}

    def _comment(self, story: Story, at: int) -> Event:
        body = self._body(story, "approved", at) | {"webhookEvent": "comment_created", "changelog": {"items": []}}
        return self._said(story, Event(None, at, jira_webhook.encode(body)))

    def _forged(self, story: Story, at: int) -> Event:
        headers = {"X-Hub-Signature": "sha256=" + "0" * 64}
        return self._said(story, Event(None, at, jira_webhook.encode(self._body(story, "approved", at)), headers, 401))

    def _deleted(self, story: Story, at: int) -> Event:
        body = self._body(story, "approved", at) | {"webhookEvent": "jira:issue_deleted", "changelog": {"items": []}}
        return self._said(story, Event("rejected", at, jira_webhook.encode(body)))

    def _bearer(self, story: Story, decision: str, at: int, body: dict[str, Any]) -> Event:
        headers = {"Authorization": f"Bearer {self.stage.values['automation']}"}
        return self._said(story, Event(decision, at, jira_webhook.encode(body), headers))

    def _said(self, story: Story, event: Event) -> Event:
        story.events.append(event)
        return event

    def _deliver(self, story: Story, event: Event, copy: int) -> None:
        """Deliver as Jira does: again, a limited number of times, after no answer, 408, 409, 425, 429 and 5xx."""
        name = f"{story.key}/{story.events.index(event)}/{copy}"
        time.sleep(self.plan.draw("delay", name) ** 2 * 0.5)
        if event.decision and self.plan.draw("dies", name) < DIES:
            self._die_after_the_first_step(event)
            return
        headers = event.headers or {"X-Hub-Signature": jira_webhook.sign(event.body, self.stage.secret)}
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
        self.given_up += 1  # if its verdict was not recorded, a run still waits in the end

    def _die_after_the_first_step(self, event: Event) -> None:
        """Do what a callback does that dies after step 1: write the verdict, and nothing else. Jira never resends."""
        self.faults.count("Jira")
        self.died += 1
        event.sent = event.sent or time.time()
        read = jira.read(event.body, datetime.now(UTC), Rules.from_environment(), event.headers is None)
        if isinstance(read, jira.Decided):
            dynamodb = self.stage.cloud.client("dynamodb")
            Entries(dynamodb, self.stage.deployment.stage.table).record(read.story, read.verdict)
        event.acknowledged = min(event.acknowledged, time.time())

    def running(self) -> list[str]:
        """The executions that have not ended."""
        return [
            name
            for name, execution in self._executions().items()
            if self._is_ours(name) and execution.stop_date is None
        ]

    def _is_ours(self, execution: str) -> bool:
        return execution.startswith(f"C{self.seed}-")

    def _executions(self) -> dict[str, Any]:
        """Every execution by name, read from moto: asking the API again and again would cost as much as the runs."""
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
        return execution.stop_date is not None or bool(env and env.next_state_name == WAIT)

    def _is_undecided(self, story: Story) -> bool:
        """Whether one of the story's runs has started and no verdict so far counts for it."""
        known = self._executions()
        starts = [
            counts_from_ms(known[name].input_data, known[name].start_date) for name in story.executions if name in known
        ]
        if len(starts) < len(story.executions) or story.script in ("silent", "invalid", "not JSON"):
            return False
        verdicts = [event.at for event in story.events if event.decision not in (None, "pending")]
        return any(all(at <= start for at in verdicts) for start in starts)

    def _await(self, story: Story, enough: Callable[[], bool] = lambda: False) -> bool:
        """Wait until all of the story's runs have ended, or until `enough`; return whether they have ended."""
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            known = self._executions()
            if all(name in known and known[name].stop_date for name in story.executions):
                return True
            if enough():
                return False
            time.sleep(0.2)
        return False

    def judge(self) -> Judgement:
        """Compare the results with the right ones."""
        self._deliveries.shutdown()
        known = self._executions()
        started = {
            name: execution | {"input": known[name].input_data}
            for name, execution in self.stage.executions().items()
            if self._is_ours(name)
        }
        found = Found(
            started,
            {name: self.stage.result(name) for name in started},
            self.stage.files(LOGS),
            [name for name in self.stage.waiting() if self._is_ours(name)],
            self.mended,
        )
        judgement = judge(self.stories, found, self.plan.api_succeeds)
        judgement.problems += self.problems
        return judgement


def _print(lines: Iterable[str]) -> None:
    for line in lines:
        print(line, flush=True)


def main() -> int:
    """Run the command line: 1 if a seed has a problem."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.chaos", description=__doc__.splitlines()[0])
    parser.add_argument("--seed", type=int, default=1, help="the first seed")
    parser.add_argument("--seeds", type=int, default=1, help="how many seeds, one after the other")
    parser.add_argument("--events", type=int, default=EVENTS, help=f"for each (default {EVENTS})")
    given = parser.parse_args()
    wrong = False
    for outcome in play(range(given.seed, given.seed + given.seeds), given.events):
        _print([outcome.line(), f"faults: {outcome.suffered()}", *outcome.wrong()])
        wrong |= bool(outcome.problems)
    return int(wrong)


if __name__ == "__main__":
    sys.exit(main())

"""A model of the decision protocol, small enough to visit its every state. The code that it models is
chalicelib/verdicts.py and, in workflow.asl.yaml, WaitForStory, ReadVerdict and VerdictCounts; in words: the header of
verdicts.py, and docs/architecture.md.

A state of the model holds the story's partition (STORY, and one WAIT entry for each run), what each run does, and what
each delivery by Jira does. A step is one AWS call or one accident; every order of steps is visited. The model has:

    delivery   write STORY unless it holds a newer verdict / Query the partition / for each run found that the verdict
               found counts for: send, then remove. Runs are sent to in any order, or at the same time. A delivery may
               die between any two calls. If a call is refused, it goes on with the other runs and answers 503. Jira
               sends it again while attempts are left. Deliveries overlap.
    sweep      the same without the write, at any time, beside deliveries and other sweeps. Then, for each run that it
               found and did not send to: look whether the run is over, and if so, remove its entry.
    run        the wait transaction (check STORY + put WAIT) fails by its check or by another write (a conflict, which
               may happen at any time). Then the run reads STORY, and takes that verdict or tries again to wait. A
               verdict that is sent or read goes through the same Choice. A waiting run may time out. Step Functions may
               lose the transaction's answer and try again with a new token: the old entry remains, with a dead token.

A run counts verdicts from the moment that S3 gives for its input's upload (`droppedAt`). It is at most so long before
the run's start (five minutes; here LONGEST_DELAY), and never after it. A run that an operator starts in place of a
failed drop has no `droppedAt`, and counts from its own start.

Times are labels without a clock: a verdict dated 5 may arrive before a run dated 4 starts, or long after a verdict
dated 6. So the model allows more than the clocks of Jira and AWS do, and a property of the model holds for any clocks.
One thing is assumed: a delivery that is sent again has the same date.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

from tests.protocol.guards import ALL_HOLD, P3, P4, P5, P6, P9, Guards

APPROVED, PENDING, REJECTED = "approved", "pending", "rejected"
CAUTION = (APPROVED, PENDING, REJECTED)  # of two verdicts of one instant, the more cautious one is kept
LONGEST_DELAY = 3  # between upload and start, as far as `countsFrom` goes back


class Said(NamedTuple):
    """A verdict and its moment."""

    decision: str
    decided: int


class Run(NamedTuple):
    """When a run's input was uploaded, when the run started, and the `droppedAt` that it was started with, if any."""

    uploaded: int
    started: int
    dropped_at: int | None

    def counts_from(self, guards: Guards = ALL_HOLD) -> int:
        """Return the run's `countsFrom`."""
        if self.dropped_at is None:
            return self.started if guards.redrive_counts_from_its_start else self.uploaded
        if not guards.counts_from_the_upload:
            return self.started
        earliest = self.started - LONGEST_DELAY if guards.upload_is_bounded else self.dropped_at
        latest = self.started if guards.upload_is_not_after_the_start else self.dropped_at
        return max(min(self.dropped_at, latest), earliest)


def dropped(uploaded: int, started: int | None = None) -> Run:
    """Return a run that a drop started, at once unless `started` says when."""
    return Run(uploaded, uploaded if started is None else started, uploaded)


class World(NamedTuple):
    """The table and the runs. Verdicts are numbered by age and caution: a higher number replaces a lower one. -1 is no
    verdict, token 0 no token.

    Two fields are not in the table. `newest` is the newest verdict that any delivery has brought, for the properties.
    `before` is the partition before its last write, for reads that a broken guard makes stale.
    """

    story: int
    newest: int
    waits: tuple[int, ...]  # the token in each run's WAIT entry
    runs: tuple[tuple[int, int], ...]  # (what it does, its token)
    before: tuple[int, tuple[int, ...]] | None = None


class Delivery(NamedTuple):
    """The progress of one delivery, or of one sweep."""

    left: int  # attempts it may still begin
    owed: bool = False  # its last attempt did not get through: Jira will send it again
    step: int = 0  # REST, or what comes next: READ, WRITE (where the order is broken), RESUME
    carried: int = -1  # the verdict it gives
    truth: int = -1  # the newest verdict when it read, for the properties
    page: int = 0  # the next one of its Query
    todo: tuple[tuple[int, int, int], ...] = ()  # (SEND, REMOVE or LOOK, run, token)
    trouble: bool = False  # one of its calls was refused, so it will answer 503

    def at_rest(self, owed: bool) -> "Delivery":
        """Return the delivery with its attempt over."""
        return Delivery(self.left, owed)


Label = tuple[object, ...]


class DeliveryStep(NamedTuple):
    """A possible next step of a delivery. `wrong` is the property that the step breaks."""

    label: Label
    world: World
    delivery: Delivery
    wrong: str | None = None


Table = tuple[tuple[bool, ...], ...]  # by verdict, then by run, or by another verdict


class Facts(NamedTuple):
    """Everything that a step asks about verdicts and moments: models with equal facts take equal steps."""

    brings: tuple[int, ...]  # each delivery's verdict
    counts: Table  # whether a verdict counts for a run: the one rule, as the properties use it
    is_later: Table  # whether a verdict was decided after a run's input was uploaded
    replaces: Table  # whether a verdict is newer than another
    resumes: Table  # whether a callback sends a verdict to a run
    turns_away: Table  # whether a run's wait transaction fails by a verdict
    is_taken: Table  # whether a run that reads a verdict takes it
    hides_rejection: Table  # whether a verdict is an approval, and the newest one a rejection


class RunStep(NamedTuple):
    """A possible next step of a run."""

    label: Label
    world: World
    wrong: str | None = None


REST, READ, WRITE, RESUME = range(4)  # deliveries
SEND, REMOVE, LOOK = range(3)
STARTS, CHECKED, READS, WAITS, OVER = range(5)  # runs


@dataclass(frozen=True)
class Model:
    """One scenario: the runs, the verdicts that Jira delivers, and how many accidents may happen."""

    runs: tuple[Run, ...]
    said: tuple[Said, ...]
    attempts: int = 1  # a delivery's, the first included
    tokens: int = 1  # a run's; a second one after a lost answer
    pages: bool = False  # every entry is a page of its own, and other steps come between the pages
    sweeps: int = 0  # processes, numbered after the deliveries
    guards: Guards = ALL_HOLD

    @cached_property
    def verdicts(self) -> list[Said]:
        """Return the distinct verdicts, oldest first; of one instant, the most cautious last."""
        return sorted(set(self.said), key=lambda said: (said.decided, CAUTION.index(said.decision)))

    @cached_property
    def facts(self) -> Facts:
        """Answer what the steps ask, with these guards."""
        verdicts, guards = self.verdicts, self.guards

        def newer(said: Said, stands: Said) -> bool:
            if guards.cautious_at_a_tie:
                return verdicts.index(said) > verdicts.index(stands)
            return said.decided >= stands.decided

        def counts(said: Said, run: Run) -> bool:
            return said.decision != PENDING and said.decided > run.counts_from()

        def is_later(said: Said, run: Run) -> bool:
            return said.decision != PENDING and said.decided > run.uploaded

        def resumes(said: Said, start: int) -> bool:
            if said.decision == PENDING and guards.pending_resumes_nobody:
                return False
            return said.decided > start or not guards.callback_compares_start

        def turns_away(said: Said, start: int) -> bool:
            if said.decision == PENDING and guards.pending_turns_nobody_away:
                return False
            at_the_instant = said.decided == start and not guards.wait_agrees_on_the_instant
            return said.decided > start or at_the_instant or not guards.wait_compares_start

        def is_taken(said: Said, start: int) -> bool:
            return said.decision != PENDING and (said.decided > start or not guards.read_compares_start)

        def hides_rejection(said: Said, newest: Said) -> bool:
            return (said.decision, newest.decision) == (APPROVED, REJECTED)

        starts = [run.counts_from(guards) for run in self.runs]
        return Facts(
            tuple(verdicts.index(said) for said in self.said),
            _table(counts, verdicts, self.runs),
            _table(is_later, verdicts, self.runs),
            _table(newer, verdicts, verdicts),
            _table(resumes, verdicts, starts),
            _table(turns_away, verdicts, starts),
            _table(is_taken, verdicts, starts),
            _table(hides_rejection, verdicts, verdicts),
        )

    @property
    def behaviour(self) -> tuple[Any, ...]:
        """Return everything that decides which steps there are, and which properties they break."""
        return self.facts, self.attempts, self.sweeps, self.tokens, self.pages, self.guards

    @property
    def processes(self) -> list[Delivery]:
        """Return every delivery and sweep before its first step."""
        return [Delivery(self.attempts) for _ in self.said] + [Delivery(1)] * self.sweeps

    def is_sweep(self, index: int) -> bool:
        """Return whether a number of a process is a sweep's; the deliveries come first."""
        return index >= len(self.said)

    @property
    def start(self) -> World:
        """Return the first state: no run waits, and no verdict is known."""
        nobody = (0,) * len(self.runs)
        return World(-1, -1, nobody, ((STARTS, 1),) * len(self.runs), (-1, nobody) if self._stale else None)

    # --- the callback (VerdictTable.deliver)

    def delivery_steps(
        self, world: World, index: int, delivery: Delivery, accidents: bool = True, stuck: int | None = None
    ) -> Iterator[DeliveryStep]:
        """Yield the next calls of one delivery or sweep, and its accidents. All for the run `stuck` are refused."""
        read = self._next_page if self.pages else self._query
        if delivery.step == REST:
            if delivery.left:
                begun = Delivery(delivery.left - 1)
                first = read if self.is_sweep(index) else self._write if self.guards.write_before_read else self._query
                yield from first(world, index, begun._replace(step=READ) if first == read else begun)
            return
        if accidents:
            yield DeliveryStep(("callback", index, "crashes"), world, delivery.at_rest(owed=True))
        if delivery.step == READ:
            yield from read(world, index, delivery)
        elif delivery.step == WRITE:
            yield from self._write(world, index, delivery)
        else:
            for run in sorted({run for _, run, _ in delivery.todo}):
                if accidents or run == stuck:
                    yield self._refused(world, index, delivery, run)
                if run != stuck:
                    yield self._resume(world, index, delivery, run)

    def _write(self, world: World, index: int, delivery: Delivery) -> Iterator[DeliveryStep]:
        brought, story, guards = self.facts.brings[index], world.story, self.guards
        newer = story < 0 or self.facts.replaces[brought][story]
        world = world._replace(newest=max(world.newest, brought))
        refused = guards.only_newer_is_written and not newer
        if not refused:
            world = self._written(world, brought, world.waits)
        if delivery.step == WRITE:  # what was read before decides who is resumed
            after = delivery._replace(step=RESUME) if delivery.todo else delivery.at_rest(owed=False)
        elif refused and not guards.refused_write_reads_on:
            after = delivery.at_rest(owed=False)
        else:
            after = delivery._replace(step=READ)
        yield DeliveryStep(("callback", index, "leaves STORY" if refused else "writes STORY"), world, after)

    def _query(self, world: World, index: int, delivery: Delivery) -> Iterator[DeliveryStep]:
        guards = self.guards
        found = {(world.story, world.waits)}
        if not guards.query_is_consistent and world.before:
            found.add(world.before)
        for story, waits in sorted(found):
            sweeps = self.is_sweep(index)
            carried = story if guards.gives_what_it_found or sweeps else self.facts.brings[index]
            if not (guards.write_before_read or sweeps):
                carried = max(story, self.facts.brings[index])
            after = self._has_read(delivery, index, carried, world.newest, waits)
            if not (guards.write_before_read or sweeps):
                after = after._replace(step=WRITE)
            yield DeliveryStep(("callback", index, "reads", story, waits), world, after)

    def _next_page(self, world: World, index: int, delivery: Delivery) -> Iterator[DeliveryStep]:
        """Read the next page of the Query: STORY, each run's entry, and STORY once more."""
        page, runs = delivery.page, len(self.runs)
        after = delivery._replace(page=page + 1)
        if page == 0:
            after = after._replace(carried=world.story)
        elif page <= runs and (token := world.waits[page - 1]):
            after = after._replace(todo=(*delivery.todo, (SEND, page - 1, token)))
        label = ("callback", index, "reads the page of", page - 1)
        if page == (runs + 1 if self.guards.story_is_read_last else runs):
            found = {run: token for _, run, token in after.todo}
            carried = world.story if self.guards.story_is_read_last else after.carried
            waits = tuple(found.get(run, 0) for run in range(runs))
            after = self._has_read(delivery, index, carried, world.newest, waits)
        yield DeliveryStep(label, world, after)

    def _has_read(self, delivery: Delivery, index: int, carried: int, truth: int, waits: tuple[int, ...]) -> Delivery:
        todo: list[tuple[int, int, int]] = []
        for run, token in enumerate(waits):
            if token and carried >= 0 and self.facts.resumes[carried][run]:
                order = [(SEND, run, token), (REMOVE, run, token)]
                todo += order if self.guards.send_before_remove else order[::-1]
            elif token and self.is_sweep(index):
                todo.append((LOOK, run, token))
        if not todo and (self.guards.write_before_read or self.is_sweep(index)):
            return delivery.at_rest(owed=False)
        return Delivery(delivery.left, step=RESUME, carried=carried, truth=truth, todo=tuple(todo))

    def _refused(self, world: World, index: int, delivery: Delivery, run: int) -> DeliveryStep:
        """Go on with the other runs; the delivery will answer 503."""
        call = next(call for call, whose, _ in delivery.todo if whose == run)
        others = tuple(todo for todo in delivery.todo if todo[1] != run) if self.guards.goes_on_after_trouble else ()
        after = delivery._replace(todo=others, trouble=True) if others else delivery.at_rest(owed=True)
        return DeliveryStep(("callback", index, "is refused", call, run), world, after)

    def _resume(self, world: World, index: int, delivery: Delivery, run: int) -> DeliveryStep:
        number, (call, _, token) = next(item for item in enumerate(delivery.todo) if item[1][1] == run)
        rest = delivery.todo[:number] + delivery.todo[number + 1 :]
        if call == LOOK:
            if world.runs[run][0] == OVER or not self.guards.sweep_looks_first:
                after = delivery._replace(todo=_with(delivery.todo, number, (REMOVE, run, token)))
                return DeliveryStep(("callback", index, "finds over", run), world, after)
            after = delivery._replace(todo=rest) if rest else delivery.at_rest(owed=delivery.trouble)
            return DeliveryStep(("callback", index, "finds waiting", run), world, after)
        after = delivery._replace(todo=rest) if rest else delivery.at_rest(owed=delivery.trouble)
        if call == REMOVE:
            mine = world.waits[run] == token or not self.guards.removes_only_its_token
            if mine and self.guards.removes:
                world = self._written(world, world.story, _with(world.waits, run, 0))
            return DeliveryStep(("callback", index, "removes", run), world, after)
        does = world.runs[run]
        if does == (WAITS, token) or (does == (OVER, token) and not self.guards.token_is_accepted_once):
            wrong = P5 if does[0] == OVER else self._wrong(delivery.carried, delivery.truth, run)
            label = ("callback", index, "resumes", run, delivery.carried)
            return DeliveryStep(label, _does(world, run, OVER), after, wrong)
        return DeliveryStep(("callback", index, "finds closed", run), world, after)

    # --- the run (WaitForStory, ReadVerdict, VerdictCounts)

    def run_steps(self, world: World, run: int) -> Iterator[RunStep]:
        """Yield the next steps of one run, and its accidents."""
        does, token = world.runs[run]
        if does == STARTS:
            yield RunStep(("run", run, "meets a conflict"), _does(world, run, READS))
            yield self.begin_to_wait(world, run)
        elif does == CHECKED:
            yield RunStep(("run", run, "waits"), self._waits(world, run))
        elif does == READS:
            yield from self.read_verdict(world, run)
        elif does == WAITS:
            yield RunStep(("run", run, "times out"), _does(world, run, OVER))
            if token < self.tokens:
                again = world._replace(runs=_with(world.runs, run, (STARTS, token + 1)))
                yield RunStep(("run", run, "loses the transaction's answer"), again)

    def begin_to_wait(self, world: World, run: int) -> RunStep:
        """Return the step of the wait transaction."""
        if self.guards.wait_checks_story and world.story >= 0 and self.facts.turns_away[world.story][run]:
            return RunStep(("run", run, "is turned away"), _does(world, run, READS))
        if not self.guards.wait_is_one_transaction:
            return RunStep(("run", run, "checks STORY"), _does(world, run, CHECKED))
        return RunStep(("run", run, "waits"), self._waits(world, run))

    def read_verdict(self, world: World, run: int) -> Iterator[RunStep]:
        """Yield the read after a cancelled transaction, with what the run does then."""
        found = {world.story}
        if not self.guards.read_is_consistent and world.before:
            found.add(world.before[0])
        for story in sorted(found):
            is_taken = story >= 0 and self.facts.is_taken[story][run]
            if is_taken or not self.guards.read_can_go_back:
                wrong = self._wrong(story, world.newest, run)
                yield RunStep(("run", run, "reads and takes", story), _does(world, run, OVER), wrong)
            else:
                yield RunStep(("run", run, "reads and goes back", story), _does(world, run, STARTS))

    # --- small things

    def _wrong(self, verdict: int, truth: int, run: int) -> str | None:
        """Return the property that breaks if the run takes the verdict; `truth` was the newest verdict at the read."""
        if verdict < 0 or not self.facts.is_later[verdict][run]:
            return P3
        if not self.facts.counts[verdict][run]:
            return P9
        if self.facts.hides_rejection[verdict][truth]:
            return P6
        return P4 if verdict < truth else None

    @property
    def _stale(self) -> bool:
        return not (self.guards.query_is_consistent and self.guards.read_is_consistent)

    def _written(self, world: World, story: int, waits: tuple[int, ...]) -> World:
        return world._replace(story=story, waits=waits, before=(world.story, world.waits) if self._stale else None)

    def _waits(self, world: World, run: int) -> World:
        waits = _with(world.waits, run, world.runs[run][1])
        return _does(self._written(world, world.story, waits), run, WAITS)


def _table(asked: Callable[[Said, Any], bool], verdicts: list[Said], others: Iterable[Any]) -> Table:
    return tuple(tuple(asked(said, other) for other in others) for said in verdicts)


def _with(items: tuple[Any, ...], index: int, item: object) -> tuple[Any, ...]:
    return (*items[:index], item, *items[index + 1 :])


def _does(world: World, run: int, does: int) -> World:
    return world._replace(runs=_with(world.runs, run, (does, world.runs[run][1])))

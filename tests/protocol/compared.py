"""Follow one scenario, real (interleaved.py) and in the model, in every order to every end, and compare the steps."""

import json
from typing import Any

from tests.protocol.interleaved import (
    CRASHED,
    FIRST,
    RESUMES,
    RUN,
    SECOND,
    SWEEP,
    Interleaved,
    State,
    Step,
    items,
    verdict_in,
)
from tests.protocol.model import (
    LOOK,
    OVER,
    PENDING,
    READ,
    READS,
    REMOVE,
    RESUME,
    SEND,
    STARTS,
    WAITS,
    Delivery,
    Model,
    Said,
    World,
    dropped,
)
from tests.protocol.real import lost
from tests.protocol.replay import Answers, Call, Contents, Ended

ModelState = tuple[World, tuple[Delivery, ...]]
WAIT = "WAIT#execution"
RUN_ACCIDENTS = {"conflict": ["meets a conflict"], "lost": ["waits", "loses the transaction's answer"]}
NUMBERS = {FIRST: 0, SECOND: 1, SWEEP: 2}  # the model's numbers of the deliveries and of the sweep
SWEEP_FINDS = 2  # calls before it reads a partition: which runs wait, and where the last sweep stopped
DOES = {"transact_write_items": STARTS, "get_item": READS, "wait": WAITS}


class Compared:
    """One scenario. `labels` are the model's moments by the table's times."""

    def __init__(self, real: Interleaved, said: tuple[Said, Said], counts_from: int, labels: dict[str, int]) -> None:
        self.real, self._labels, self._counts_from = real, labels, counts_from
        self._swept = len(real.processes) > SWEEP
        self.model = Model((dropped(counts_from),), said, tokens=2, sweeps=int(self._swept))
        self._orders: dict[State, int] = {}
        self._seen: dict[tuple[Contents, tuple[Answers, ...]], ModelState] = {}

    def orders(self, accidents: int) -> int:
        """Check every step and every end of every order; return the number of orders."""
        return self._from(State((), ((),) * len(self.real.processes), accidents))

    @property
    def states(self) -> int:
        """Return the number of distinct states in these orders."""
        return len(self._orders)

    def _from(self, state: State) -> int:
        if state not in self._orders:
            steps = list(self.real.steps(state))
            self._compare(state, steps)
            if not steps:
                self._check_end(state)
            self._orders[state] = sum(self._from(step.state) for step in steps) or 1
        return self._orders[state]

    # --- step by step

    def _compare(self, state: State, steps: list[Step]) -> None:
        here = self.as_in_the_model(state)
        taken: dict[int, set[ModelState]] = {FIRST: set(), SECOND: set(), RUN: set()}
        for step in steps:
            process, after = step.process, self.as_in_the_model(step.state)
            taken.setdefault(process, set())
            taken[process].add(after)
            if process == SWEEP and after == here:  # to list runs and to find where the last sweep stopped is no step
                continue
            assert after in self._model_steps(here, process, step.what), f"{step.what} of {process}: {here} -> {after}"
        if not (state.accidents or self._swept):
            for process, found in taken.items():
                assert found == set(self._model_steps(here, process)), f"{process} can do more: {here}"

    def _model_steps(self, here: ModelState, process: int, what: str = "") -> list[ModelState]:
        """Return the model's next states with this accident, or without any; none for a step that breaks a property."""
        world, deliveries = here
        if process != RUN:
            number = NUMBERS[process]
            steps = self.model.delivery_steps(world, number, deliveries[number], accidents=what == "crash")
            return [
                (step.world, (*deliveries[:number], step.delivery, *deliveries[number + 1 :]))
                for step in steps
                if not step.wrong and (step.label[2] == "crashes") == (what == "crash")
            ]
        if what in RUN_ACCIDENTS:
            worlds = [world]
            for name in RUN_ACCIDENTS[what]:
                following = [step for before in worlds for step in self.model.run_steps(before, 0)]
                worlds = [step.world for step in following if step.label[2] == name]
            return [(after, deliveries) for after in worlds]
        accidents = ("meets a conflict", "times out", "loses the transaction's answer")
        following = [step for step in self.model.run_steps(world, 0) if step.label[2] not in accidents]
        return [(step.world, deliveries) for step in following if not step.wrong]

    # --- the real state in the model's terms

    def as_in_the_model(self, state: State) -> ModelState:
        """Return the model's state for this real state."""
        seen = (state.contents, state.had)
        if seen not in self._seen:
            self._seen[seen] = self._read(state)
        return self._seen[seen]

    def _read(self, state: State) -> ModelState:
        found = items(state.contents)
        delivered = [process for process in (FIRST, SECOND) if state.had[process]]
        newest = max((self.model.facts.brings[NUMBERS[process]] for process in delivered), default=-1)
        token = 1 + sum(lost(self.real.answered.answers[number]) for number in state.had[RUN])
        does = self.real.next(state, RUN)
        run = (DOES[does.operation] if isinstance(does, Call) else OVER, token)
        waits = _token(found[WAIT]["taskToken"]) if WAIT in found else 0
        world = World(self._verdict(found.get("STORY")), newest, (waits,), (run,))
        processes = (FIRST, SECOND, SWEEP) if self._swept else (FIRST, SECOND)
        return world, tuple(self._delivery(state, process) for process in processes)

    def _delivery(self, state: State, process: int) -> Delivery:
        had, does = state.had[process], self.real.next(state, process)
        if len(had) <= (SWEEP_FINDS if process == SWEEP else 0):
            return Delivery(1)
        if not isinstance(does, Call):
            return Delivery(0, owed=had[-1] == CRASHED)
        if does.operation == "query":
            return Delivery(0, step=READ)
        answer: Any = self.real.answered.answers[had[SWEEP_FINDS if process == SWEEP else 1]]
        entries = items(_contents(answer["Items"]))
        found = self._verdict(entries.get("STORY"))
        if does.operation == RESUMES:
            given = self._verdict(verdict_in(does.given))
            assert given == found, "it gives something else than it found"
            token = _token(does.given["taskToken"])
            calls = [SEND, REMOVE]
        elif does.service == "stepfunctions":
            token, calls = _token(entries[WAIT]["taskToken"]), [LOOK]
        else:
            assert does.operation == "delete_item", f"unexpected: {does.operation}"
            condition = does.given.get("ExpressionAttributeValues", {})
            assert ":token" in condition, "it removes an entry whatever token is in it"
            token, calls = _token(condition[":token"]["S"]), [REMOVE]
        todo = tuple((call, 0, token) for call in calls)
        return Delivery(0, step=RESUME, carried=found, truth=found, todo=todo)

    def _verdict(self, item: dict[str, Any] | None) -> int:
        if item is None:
            return -1
        return self.model.verdicts.index(Said(item["decision"], self._labels[item["decidedAt"]]))

    # --- what came of it

    def _check_end(self, state: State) -> None:
        found, run = items(state.contents), self.real.next(state, RUN)
        newest = self.model.verdicts[-1]
        counts = newest.decision != PENDING and newest.decided > self._counts_from
        assert self._verdict(found["STORY"]) == len(self.model.verdicts) - 1, "STORY is not the newest verdict"
        answers = [self.real.next(state, process) for process in (FIRST, SECOND)]
        replies = [answer.result for answer in answers if isinstance(answer, Ended)]
        assert {status for status, _ in replies} <= {200, 202}
        resumed = sum(len(body.get("resumed", ())) for _, body in replies)
        swept = self.real.next(state, SWEEP) if self._swept else None
        resumed += len(swept.result) if isinstance(swept, Ended) else 0
        if isinstance(run, Ended):
            decision = run.result["decision"]
            assert decision, "it ends without a decision"
            taken = Said(decision["decision"], self._labels[decision["decidedAt"]])
            assert run.result["outcome"] == taken.decision
            assert run.result["green"] == (run.result["outcome"] == "approved")
            assert taken in self.model.said
            assert taken.decision != PENDING
            assert taken.decided > self._counts_from
            assert resumed <= 1, "resumed twice"
            assert not (counts and WAIT in found), "an entry that is done with is still there"
        else:
            assert isinstance(run, Call)
            assert run.operation == "wait"
            assert found[WAIT]["taskToken"] == run.given["token"]
            assert not counts, "it waits beside a verdict that counts"
            assert resumed == 0


def _token(text: str) -> int:
    return int(text.removeprefix("token-"))


def _contents(found: list[dict[str, Any]]) -> Contents:
    return tuple(json.dumps(item, sort_keys=True) for item in found)

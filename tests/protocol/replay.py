"""Run real code one AWS call at a time, in any order, without threads.

A process (a callback's handler, the states of a run) is replayed from its start with the answers it has had so far. At
its first call without an answer it is stopped: that is its next call. So the answers alone determine where a process
is, processes can be interleaved in any order, and no prefix is played twice.

DynamoDB is moto's. It is called once for each pair of a table's contents and a call; the same pair again gets its
answer from memory. The contents are written to and read from moto's own store: by the API they would be two thirds of
all calls.
"""

import functools
import json
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from botocore.exceptions import ClientError
from moto.core import DEFAULT_ACCOUNT_ID
from moto.dynamodb.models import dynamodb_backends

from tests.decision_table import make_table

Contents = tuple[str, ...]  # a table's items as JSON
Answers = tuple[int, ...]  # by their numbers in Answered
Called = tuple[str, dict[str, Any]]  # operation and arguments
Tamper = Callable[[str, dict[str, Any]], Called]  # what is called -> what is called instead


@dataclass(frozen=True)
class Call:
    """One AWS call; the arguments are JSON, so that equal ones are equal."""

    service: str
    operation: str
    arguments: str

    @property
    def given(self) -> dict[str, Any]:
        """Return the arguments."""
        given: dict[str, Any] = json.loads(self.arguments)
        return given


class Stopped(BaseException):
    """A call without an answer yet. No `except Exception` of the code under test catches this."""

    def __init__(self, call: Call) -> None:
        super().__init__(call)
        self.call = call


@dataclass(frozen=True)
class Ended:
    """A process that is over, with what it returned."""

    result: Any


@dataclass
class Answered:
    """Every answer that was given, each once; an exception is an answer, too."""

    answers: list[object] = field(default_factory=list)
    _numbers: dict[str, int] = field(default_factory=dict)

    def number(self, answer: object) -> int:
        """Return the answer's number."""
        text = repr(answer) if isinstance(answer, Exception) else json.dumps(answer, sort_keys=True)
        if text not in self._numbers:
            self._numbers[text] = len(self.answers)
            self.answers.append(answer)
        return self._numbers[text]


class Replayed:
    """A client whose calls get their answers from the past. Its first call without one raises Stopped."""

    def __init__(self, service: str, exceptions: Any, past: "Past", tamper: Tamper | None = None) -> None:
        self._service, self.exceptions, self._past, self._tamper = service, exceptions, past, tamper

    def __getattr__(self, operation: str) -> Callable[..., Any]:
        return functools.partial(self._call, operation)

    def _call(self, operation: str, **arguments: Any) -> Any:
        if self._tamper:
            operation, arguments = self._tamper(operation, arguments)
        return self._past.answer(self._service, operation, arguments)


class Past:
    """The answers that a process has had, in order."""

    def __init__(self, answers: Iterator[object]) -> None:
        self._answers = answers
        self.had: list[object] = []

    def answer(self, service: str, operation: str, arguments: dict[str, Any]) -> Any:
        """Return the next answer, or raise it if it is an exception. Raises Stopped if there is none."""
        try:
            answer = next(self._answers)
        except StopIteration:
            raise Stopped(Call(service, operation, json.dumps(arguments, sort_keys=True))) from None
        self.had.append(answer)
        if isinstance(answer, Exception):
            raise answer.with_traceback(None)
        return answer


class Process:
    """Code that can be replayed: `play` runs it with a past."""

    def __init__(self, play: Callable[[Past], Any], answered: Answered) -> None:
        self._play, self._answered = play, answered
        self._known: dict[Answers, Call | Ended] = {}

    def after(self, answers: Answers) -> Call | Ended:
        """Return its next call after these answers, or its end."""
        if answers not in self._known:
            past = Past(iter([self._answered.answers[number] for number in answers]))
            try:
                self._known[answers] = Ended(self._play(past))
            except Stopped as stopped:
                self._known[answers] = stopped.call
        return self._known[answers]


class Table:
    """A DynamoDB table with the keys and the index of storygate's, which can be given any contents."""

    def __init__(self, dynamodb: Any, name: str) -> None:
        self._dynamodb, self._name = dynamodb, name
        self._known: dict[tuple[Contents, Call], tuple[object, Contents]] = {}
        self._items: dict[str, Any] = {}  # moto's, by their JSON
        make_table(dynamodb, name)

    @property
    def asked(self) -> int:
        """Return how often moto was really called."""
        return len(self._known)

    def perform(self, contents: Contents, call: Call) -> tuple[object, Contents]:
        """Return DynamoDB's answer (an exception, if it raises one) and the contents after it."""
        if (contents, call) not in self._known:
            self._hold(contents)
            try:
                answer = getattr(self._dynamodb, call.operation)(**call.given)
                answer.pop("ResponseMetadata")
            except ClientError as error:
                answer = error
            reads = call.operation in ("query", "get_item", "scan")
            self._known[contents, call] = answer, contents if reads else self._contents()
        return self._known[contents, call]

    @property
    def _stored(self) -> Any:
        """Return moto's table; moto replaces the object when a transaction fails."""
        return dynamodb_backends[DEFAULT_ACCOUNT_ID][self._dynamodb.meta.region_name].tables[self._name]

    def _contents(self) -> Contents:
        entries = [item for items in self._stored.items.values() for item in items.values()]
        found = {json.dumps(item.to_json()["Attributes"], sort_keys=True): item for item in entries}
        self._items |= found
        return tuple(sorted(found))

    def _hold(self, contents: Contents) -> None:
        stored = self._stored.items = defaultdict(dict)
        for text in contents:
            if text not in self._items:
                self._dynamodb.put_item(TableName=self._name, Item=json.loads(text))
                self._contents()
            item = self._items[text]
            stored[item.hash_key][item.range_key] = item

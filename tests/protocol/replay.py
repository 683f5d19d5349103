"""Real code, one AWS call at a time, in any order, without threads.

What calls AWS (a callback's handler, the states of a run) is replayed from its start with the answers it has had so
far; at the first call that has none yet it is stopped, and that call is what it does next. So a process is where it is
by its answers alone, any number of them can be interleaved at will, and the same prefix never has to be played twice.

DynamoDB is moto's. It is asked once for each pair of a table's contents and a call; the same pair again gets the same
answer from memory. What the table holds before a call is put into moto's own store, and what it holds after it is read
from there: by the API it would be two thirds of all calls.
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
        """The arguments."""
        given: dict[str, Any] = json.loads(self.arguments)
        return given


class Stopped(BaseException):
    """The process makes a call that has no answer yet. No `except Exception` of the code under test stops this."""

    def __init__(self, call: Call) -> None:
        super().__init__(call)
        self.call = call


@dataclass(frozen=True)
class Ended:
    """The process is over; `result` is what it returned."""

    result: Any


@dataclass
class Answered:
    """Every answer ever given, each once; an exception is an answer, too."""

    answers: list[object] = field(default_factory=list)
    _numbers: dict[str, int] = field(default_factory=dict)

    def number(self, answer: object) -> int:
        """The answer's number."""
        text = repr(answer) if isinstance(answer, Exception) else json.dumps(answer, sort_keys=True)
        if text not in self._numbers:
            self._numbers[text] = len(self.answers)
            self.answers.append(answer)
        return self._numbers[text]


class Replayed:
    """A client whose calls are answered from the past, until they go beyond it."""

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
        """The next answer; raises it if it is an exception, and Stopped if there is none."""
        try:
            answer = next(self._answers)
        except StopIteration:
            raise Stopped(Call(service, operation, json.dumps(arguments, sort_keys=True))) from None
        self.had.append(answer)
        if isinstance(answer, Exception):
            raise answer.with_traceback(None)
        return answer


class Process:
    """Code that can be replayed: `play` runs it with the past it is given."""

    def __init__(self, play: Callable[[Past], Any], answered: Answered) -> None:
        self._play, self._answered = play, answered
        self._known: dict[Answers, Call | Ended] = {}

    def after(self, answers: Answers) -> Call | Ended:
        """What it calls next, after these answers."""
        if answers not in self._known:
            past = Past(iter([self._answered.answers[number] for number in answers]))
            try:
                self._known[answers] = Ended(self._play(past))
            except Stopped as stopped:
                self._known[answers] = stopped.call
        return self._known[answers]


class Table:
    """A DynamoDB table of (story, entry), with any contents at will."""

    def __init__(self, dynamodb: Any, name: str) -> None:
        self._dynamodb, self._name = dynamodb, name
        self._known: dict[tuple[Contents, Call], tuple[object, Contents]] = {}
        self._items: dict[str, Any] = {}  # moto's, by their JSON
        dynamodb.create_table(
            TableName=name,
            BillingMode="PAY_PER_REQUEST",
            AttributeDefinitions=[{"AttributeName": key, "AttributeType": "S"} for key in ("story", "entry")],
            KeySchema=[
                {"AttributeName": "story", "KeyType": "HASH"},
                {"AttributeName": "entry", "KeyType": "RANGE"},
            ],
        )

    @property
    def asked(self) -> int:
        """How often DynamoDB was really asked."""
        return len(self._known)

    def perform(self, contents: Contents, call: Call) -> tuple[object, Contents]:
        """DynamoDB's answer (an exception, if it raises one) and the contents after it."""
        if (contents, call) not in self._known:
            self._hold(contents)
            try:
                answer = getattr(self._dynamodb, call.operation)(**call.given)
                answer.pop("ResponseMetadata")
            except ClientError as error:
                answer = error
            reads = call.operation in ("query", "get_item")
            self._known[contents, call] = answer, contents if reads else self._contents()
        return self._known[contents, call]

    @property
    def _stored(self) -> Any:
        """Moto's table; a transaction that fails puts another one in its place."""
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

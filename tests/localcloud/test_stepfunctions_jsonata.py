"""Expressions in the local Step Functions do what AWS's do."""

import re
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from hashlib import sha256
from typing import Any

import pytest
from botocore.exceptions import ClientError

from localcloud.expression_functions import QueryError
from localcloud.expressions import evaluate
from localcloud.gaps.registry import filled
from tests.localcloud.stepfunctions_cloud import Cloud, states


@pytest.fixture(scope="module")
def cloud() -> Iterator[Cloud]:
    with filled(), Cloud() as cloud:
        yield cloud


@pytest.fixture
def tokyo(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Set the local time nine hours ahead of UTC."""
    monkeypatch.setenv("TZ", "JST-9")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ('$parse("{\\"a\\": [1, null]}")', {"a": [1, None]}),
        ('$hash("", "SHA-256")', sha256(b"").hexdigest()),
        ("$range(1, 9, 2)", [1, 3, 5, 7, 9]),
        ("[$range(1, 9, 9)]", [1]),
        ("$partition([1, 2, 3], 2)", [[1, 2], [3]]),
        ("$random(7) = $random(7) and $random() < 1", True),
        ("$exists($states.input.nothing) ? 1 : null", None),
        ("$type($states.input.none)", "null"),
        ("[$states.input.list[v > 1].v]", [2, 3]),
        ("$states.input.list[0].($ ~> $type)", "object"),
        ('$string({"é": "😀"})', '{"é":"😀"}'),
        ("$toMillis($states.context.Execution.StartTime) <= $millis()", True),
    ],
)
def test_an_expression_gives(cloud: Cloud, expression: str, value: object) -> None:
    given = {"none": None, "list": [{"v": 1}, {"v": 2}, {"v": 3}]}
    assert cloud.value(expression, given) == value


def test_now_and_millis_are_utc_wherever_the_machine_is(tokyo: None) -> None:
    del tokyo
    begun = time.time() - 0.001
    now, millis, read = evaluate("($n := $now(); [$n, $string($millis()), $string($toMillis($n))])", {})
    assert now.endswith("Z")
    for moment in (datetime.fromisoformat(now).timestamp(), int(millis) / 1000, int(read) / 1000):
        assert begun <= moment <= time.time() + 0.001  # they round to milliseconds


def test_uuid_gives_another_one_every_time(cloud: Cloud) -> None:
    first, second = cloud.value("[$uuid(), $uuid()]")
    assert first != second
    assert re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", first)


@pytest.mark.parametrize(
    "expression", ["$states.input.nothing", "$sum", '{"f": $sum}', '$number("x")', '$error("no")', '$parse("{")']
)
def test_undefined_functions_and_failures_are_query_evaluation_errors(cloud: Cloud, expression: str) -> None:
    ended = cloud.run(states(A={"Type": "Pass", "Output": f"{{% {expression} %}}", "End": True}))
    assert (ended["status"], ended["error"]) == ("FAILED", "States.QueryEvaluationError")


@pytest.mark.parametrize(
    "expression", ["(", "name", "$", "$$.a", '$eval("1")', "$a ?? 1", "$a ?: 1", "[1].(2)[$f(b)] & b"]
)
def test_what_aws_refuses_is_refused_when_the_machine_is_saved(cloud: Cloud, expression: str) -> None:
    with pytest.raises(ClientError) as refused:
        cloud.machine(states(A={"Type": "Pass", "Output": f"{{% {expression} %}}", "End": True}))
    assert refused.value.response["Error"]["Code"] == "InvalidDefinition"


def test_quotes_in_data_neither_break_nor_rewrite_an_expression(cloud: Cloud) -> None:
    text = """it's "quoted"; $x := \\" & $eval("1") {% $states %} \n 😀"""
    assign = {"Type": "Pass", "Assign": {"text": "{% $states.input.text %}"}, "Next": "B"}
    use = {"Type": "Pass", "Output": "{% {'text': $text, 'length': $length($text)} %}", "End": True}
    assert cloud.output(states(A=assign, B=use), {"text": text}) == {"text": text, "length": len(text)}


def test_an_expression_that_never_ends_fails_after_a_second_of_work() -> None:
    with pytest.raises(QueryError, match="longer than a second"):
        evaluate("($f := function($n) { $f($n) }; $f(1))", {})


def test_many_threads_may_evaluate_at_once() -> None:
    def sum_of(number: int) -> Any:
        return evaluate("$sum($map($values, function($v) { $v * $n }))", {"values": [1, 2, 3], "n": number})

    with ThreadPoolExecutor(16) as pool:
        assert list(pool.map(sum_of, range(200))) == [6 * number for number in range(200)]

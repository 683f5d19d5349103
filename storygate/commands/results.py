"""`results`: what a run wrote to S3, for people or as it is."""

import argparse
from datetime import UTC, datetime
from typing import Any

from storygate.commands.arguments import Place, add_command, add_execution, emit, place_of, say
from storygate.runs.executions import name_of
from storygate.runs.result_files import Document, read_log, read_result
from storygate.support.errors import OperatorError
from storygate.support.terminal import Terminal
from storygate.support.times import age, clock


def register(commands: Any) -> None:
    """Adds the command to the command line."""
    parser = add_command(
        commands,
        "results",
        run,
        help="the result of a run, and its log",
        description="Shows the result of a run, and with --log what happened in it. --json gives result.json as it is, "
        'with --log {"result", "log"}.',
        example="approved-0123456789abcdef --stage dev --log",
    )
    add_execution(parser)
    parser.add_argument("--log", action="store_true", help="also the run's log")


def run(args: argparse.Namespace, terminal: Terminal) -> int:
    """The command: 0 if the result says approved, else 1."""
    place = place_of(args)
    name = name_of(place.runs.arn(args.execution))
    result = read_result(place.s3, place.stage.bucket, name)
    if result is None:
        raise no_result(place, name)
    log = read_log(place.s3, place.stage.bucket, name) if args.log else None
    if args.json:
        emit({"result": result, "log": log} if args.log else result)
    else:
        _show(result, terminal)
        if args.log:
            _show_log(log, terminal)
    return 0 if result.get("outcome") == "approved" else 1


def no_result(place: Place, name: str) -> OperatorError:
    """Why a run has no result, and what to do about it; an unknown run raises OperatorError here already."""
    described = place.runs.describe(name)
    status, ended = described["status"], described.get("stopDate")
    why = ": ".join(filter(None, (described.get("error"), described.get("cause"))))
    if status == "RUNNING":
        going = age((datetime.now(UTC) - described["startDate"]).total_seconds())
        return OperatorError(f"{name} has no result yet: it runs, for {going}.", say(f"watch {name}", place.stage))
    if status == "ABORTED":
        return OperatorError(
            f"{name} was cancelled at {clock(ended)} ({why or 'no cause given'}); a cancelled run writes no files.",
            f"To run the same request again: {say(f'retry {name}', place.stage)}",
        )
    return OperatorError(
        f"{name} ended {status} at {clock(ended)} without a result: {why or 'no cause given'}",
        f"Mend what it names, then run the same request again: {say(f'retry {name}', place.stage)}",
    )


def _show(result: Document, terminal: Terminal) -> None:
    started, finished = _moment(result.get("startedAt")), _moment(result.get("finishedAt"))
    decision = result.get("decision") or {}
    for label, value in (
        ("run", result.get("execution")),
        ("story", result.get("jiraStoryId")),
        ("outcome", result.get("outcome")),
        ("reason", result.get("reason")),
        ("packages", ", ".join(map(str, result.get("packageIds") or []))),
        ("started", clock(started) if started else None),
        ("took", age((finished - started).total_seconds()) if started and finished else None),
        ("decision", decision.get("decision")),
        ("by", decision.get("actor")),
        ("decided", clock(at) if (at := _moment(decision.get("decidedAt"))) else None),
    ):
        terminal.say(f"{label:<10}{value or '-'}")
    apis = result.get("apis") or {}
    if apis:
        terminal.say()
        rows = [[name, *(_cell(api.get(key)) for key in API_FIELDS)] for name, api in apis.items()]
        terminal.table(("API", "STATUS", "HTTP", "ATTEMPTS", "ERROR"), rows)


API_FIELDS = ("status", "statusCode", "attempts", "error")


def _show_log(log: Document | None, terminal: Terminal) -> None:
    terminal.say()
    if log is None:
        terminal.warn("there is no log: it could not be written, see the reason above")
        return
    rows = [[_time(event.get("at")), _cell(event.get("step")), _cell(event.get("message"))] for event in log["events"]]
    terminal.table(("AT", "STEP", "WHAT HAPPENED"), rows)


def _cell(value: Any) -> str:
    return "-" if value is None else str(value)


def _time(text: Any) -> str:
    at = _moment(text)
    return clock(at) if at else _cell(text)


def _moment(text: Any) -> datetime | None:
    try:
        return datetime.fromisoformat(text)
    except (TypeError, ValueError):
        return None

"""`results`: the files that a run wrote to S3, as tables, or unchanged with --json."""

import argparse
from typing import Any

from storygate.commands.arguments import add_command, add_execution, context_of, exit_code, print_json
from storygate.runs.executions import Runs, name_of
from storygate.runs.result_files import Document, no_result, read_log, read_result
from storygate.support.terminal import Terminal
from storygate.support.times import local_time, moment_of, span, zone

API_FIELDS = ("status", "statusCode", "attempts", "error")


def register(commands: Any) -> None:
    """Add the command to the command line."""
    parser = add_command(
        commands,
        "results",
        run,
        help="show the result of a run, and its log",
        description="Shows the result of a run, and with --log the run's log. Without EXECUTION the newest run. --json "
        'prints result.json unchanged, with --log {"result", "log"}.',
        example="approved-0123456789abcdef --stage dev --log",
    )
    add_execution(parser, nargs="?")
    parser.add_argument("--log", action="store_true", help="also the run's log")


def run(args: argparse.Namespace, terminal: Terminal) -> int:
    """Show the result: 0 if it says approved, else 1."""
    context = context_of(args)
    runs = Runs(context)
    name = name_of(runs.arn(args.execution)) if args.execution else runs.newest().name
    s3, bucket = context.client("s3"), context.stage.bucket
    result = read_result(s3, bucket, name)
    if result is None:
        raise no_result(context, name)
    log = read_log(s3, bucket, name) if args.log else None
    if args.json:
        print_json({"result": result, "log": log} if args.log else result)
    else:
        _show(result, terminal)
        if args.log:
            _show_log(log, terminal)
    return exit_code(result.get("outcome"))


def _show(result: Document, terminal: Terminal) -> None:
    started, finished = moment_of(result.get("startedAt")), moment_of(result.get("finishedAt"))
    decision = result.get("decision") or {}
    for label, value in (
        ("run", result.get("execution")),
        ("story", result.get("jiraStoryId")),
        ("outcome", result.get("outcome")),
        ("reason", result.get("reason")),
        ("started by", result.get("startedBy")),
        ("packages", ", ".join(map(str, result.get("packageIds") or []))),
        ("started", f"{local_time(started)} {zone()}" if started else None),
        ("took", span((finished - started).total_seconds()) if started and finished else None),
        ("decision", decision.get("decision")),
        ("by", _who(decision)),
        ("decided", f"{local_time(at)} {zone()}" if (at := moment_of(decision.get("decidedAt"))) else None),
    ):
        terminal.say(f"{label:<12}{value or '-'}")
    apis = result.get("apis") or {}
    if apis:
        terminal.say()
        rows = [[name, *(_cell(api.get(key)) for key in API_FIELDS)] for name, api in apis.items()]
        terminal.table(("API", "STATUS", "HTTP", "ATTEMPTS", "ERROR"), rows)


def _who(decision: Document) -> str | None:
    name, identity = decision.get("actor"), decision.get("actorId")
    return f"{name} ({identity})" if name and identity and name != identity else name or identity


def _show_log(log: Document | None, terminal: Terminal) -> None:
    terminal.say()
    if log is None:
        terminal.warn("there is no log: the run could not write it, see the reason above")
        return
    rows = [[_time(event.get("at")), _cell(event.get("step")), _cell(event.get("message"))] for event in log["events"]]
    terminal.table((f"AT ({zone()})", "STEP", "WHAT HAPPENED"), rows)


def _cell(value: Any) -> str:
    return "-" if value is None else str(value)


def _time(text: Any) -> str:
    at = moment_of(text)
    return local_time(at) if at else _cell(text)

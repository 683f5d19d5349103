"""`python -m storygate COMMAND`: one module per command.

A command module has `register(commands)`, which adds its parser with an example and sets `run` as its default, and
`run(args, terminal) -> int`, which returns the exit code. To add a command, write the module and list it in COMMANDS.
Exit codes: 0 done or approved, 1 something to mend (message and hint on stderr) or a run that is not approved,
2 wrong usage, 124 a wait reached its bound, 130 interrupted.
"""

import argparse
import sys
from collections.abc import Sequence
from typing import Any

from storygate.commands import (
    callback,
    cancel,
    console,
    cost,
    definition,
    demo,
    diagram,
    doctor,
    local,
    report,
    results,
    retry,
    smoke,
    start,
    test_apis,
    watch,
)
from storygate.commands import list as list_runs
from storygate.deployment import bring_up as deploy
from storygate.deployment import rotation as rotate
from storygate.deployment import take_down as destroy
from storygate.support.errors import AWS_ERRORS, OperatorError, explain
from storygate.support.terminal import Terminal

COMMANDS = (
    *(deploy, destroy, local, demo),
    *(start, watch, list_runs, results, report, console, callback, retry, cancel),
    *(test_apis, smoke, doctor, cost, rotate, definition, diagram),
)


def parser() -> argparse.ArgumentParser:
    """The whole command line."""
    return _build()[0]


def command_names() -> tuple[str, ...]:
    """The commands, in the order of the help."""
    return tuple(_build()[1].choices)


def _build() -> tuple[argparse.ArgumentParser, Any]:
    top = argparse.ArgumentParser(
        prog="python -m storygate",
        description="Runs a package deployment that waits for a Jira story: the operator's tool.",
        epilog="Example: python -m storygate deploy --stage dev. Exit codes: 0 done or approved; 1 something to mend, "
        "or a run that is not approved; 2 wrong usage; 124 a wait reached its bound; 130 interrupted.",
    )
    commands = top.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for module in COMMANDS:
        module.register(commands)
    return top, commands


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one command and returns its exit code; what the operator must mend is printed without a traceback."""
    args = parser().parse_args(argv)
    try:
        return int(args.run(args, Terminal()))
    except OperatorError as error:
        return _report(error)
    except AWS_ERRORS as error:
        return _report(explain(error))
    except KeyboardInterrupt:
        print("interrupted; run the same command again to continue", file=sys.stderr)
        return 130


def _report(error: OperatorError) -> int:
    sys.stdout.flush()
    print(f"error: {error.message}\n  fix: {error.hint}", file=sys.stderr, flush=True)
    return error.exit_code

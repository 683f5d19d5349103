"""The command line: `storygate COMMAND`, or `python -m storygate COMMAND`.

To add a command, write its module in `storygate/commands/` and add its name to COMMANDS. A command module has
`register(commands)`, which adds its parser with an example and sets `run` as its default, and
`run(args, terminal) -> int`, which returns the exit code.

Exit codes: 0 done or approved, 1 something to fix (message and fix on stderr) or a run that is not approved,
2 wrong usage, 124 a wait reached its bound, 130 interrupted.
"""

import argparse
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import Any

COMMANDS = (
    *("new-stage", "deploy", "destroy", "local", "demo"),
    *("start", "watch", "list", "results", "report", "console", "callback", "retry", "redrive", "sweep", "cancel"),
    *("test-apis", "smoke", "doctor", "cost", "rotate", "jira", "definition", "diagram"),
)
"""The commands in the order of the help; each is a module of `storygate/commands/`."""
OURS = ("chalicelib", "localcloud", "storygate")


def parser() -> argparse.ArgumentParser:
    """Return the parser of the whole command line."""
    top = argparse.ArgumentParser(
        prog="storygate",
        description="Runs a package deployment that waits for a Jira story: the operator's tool.",
        epilog="Example: storygate deploy --stage dev. Exit codes: 0 done or approved; 1 something to fix, "
        "or a run that is not approved; 2 wrong usage; 124 a wait reached its bound; 130 interrupted.",
    )
    commands: Any = top.add_subparsers(title="commands", metavar="COMMAND")
    for name in COMMANDS:
        import_module(f"storygate.commands.{name.replace('-', '_')}").register(commands)
    return top


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code; what the operator must fix is printed without a traceback."""
    try:
        return _run(argv)
    except ModuleNotFoundError as error:
        # Every other package is imported within, so that one that is not installed is named here.
        if not error.name or error.name.partition(".")[0] in OURS:
            raise
        print(
            f"error: the Python package {error.name} is not installed for {sys.executable}.\n"
            "  fix: run `make demo`, which installs it into .venv, or use .venv/bin/storygate",
            file=sys.stderr,
        )
        return 1


def _run(argv: Sequence[str] | None) -> int:
    from storygate.support.errors import AWS_ERRORS, OperatorError, explain
    from storygate.support.terminal import Terminal

    top = parser()
    args = top.parse_args(argv)
    if "run" not in args:  # no command
        top.print_help(sys.stderr)
        return 2
    try:
        return int(args.run(args, Terminal()))
    except (OperatorError, *AWS_ERRORS) as error:
        explained = explain(error)
        sys.stdout.flush()
        print(f"error: {explained.message}\n  fix: {explained.hint}", file=sys.stderr, flush=True)
        return explained.exit_code
    except KeyboardInterrupt:
        print("interrupted" + ("; run the same command again to continue" if args.continues else ""), file=sys.stderr)
        return 130

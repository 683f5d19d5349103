"""`python -m storygate COMMAND`: one module per command.

A command module has `register(commands)`, which adds its parser with an example and sets `run` as its default, and
`run(args, terminal) -> int`, which returns the exit code. To add a command, write the module and list it in COMMANDS.
Exit codes: 0 done, 1 something to mend (message and hint on stderr), 2 wrong usage, 130 interrupted.
"""

import argparse
import sys
from collections.abc import Sequence

from storygate import demo, deploy, destroy
from storygate.errors import AWS_ERRORS, OperatorError, explain
from storygate.local import command as local
from storygate.terminal import Terminal

COMMANDS = (deploy, destroy, local, demo)


def parser() -> argparse.ArgumentParser:
    """The whole command line."""
    top = argparse.ArgumentParser(
        prog="python -m storygate",
        description="Runs a package deployment that waits for a Jira story: the operator's tool.",
        epilog="Example: python -m storygate deploy --stage dev",
    )
    commands = top.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for module in COMMANDS:
        module.register(commands)
    return top


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
    return 1

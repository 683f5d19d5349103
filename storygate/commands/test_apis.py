"""`test-apis`: check that each API accepts its connection's credentials, and refuses others."""

import argparse
from dataclasses import asdict
from typing import Any

from storygate.commands.arguments import (
    add_command,
    add_timeout,
    add_yes,
    context_of,
    print_json,
    quiet_if_json,
)
from storygate.operations.called_apis import confirm_real_calls, read_apis
from storygate.operations.try_credentials import CALL_SECONDS, PACKAGE, try_credentials
from storygate.support.terminal import Terminal


def register(commands: Any) -> None:
    """Add the command to the command line."""
    parser = add_command(
        commands,
        "test-apis",
        run,
        help="check that each API accepts its credentials, and refuses others",
        description="Calls each API of the stage as a run would: with its connection's credentials, which must "
        'succeed (2xx and "status": "success"), and with wrong ones, which must be refused (401 or 403). A real API is '
        f"really called, for package {PACKAGE}: it asks first, and without a terminal it needs --yes.",
        example="--stage dev",
    )
    add_yes(parser)
    add_timeout(parser, CALL_SECONDS, "how long each answer may take")


def run(args: argparse.Namespace, terminal: Terminal) -> int:
    """Call the APIs: 0 if nothing failed, else 1. What cannot be tested is shown, and is not a failure."""
    context, shown = context_of(args), quiet_if_json(args, terminal)
    apis = read_apis(context)
    if not args.yes:
        confirm_real_calls(context.stage, apis, "this", shown)
    tests = []
    for api in apis:
        shown.step(f"{api.name}: {api.url} ({'mock' if api.is_mock else 'real'})")
        for test in try_credentials(context, api, args.timeout):
            tests.append(test)
            show = {True: shown.done, False: shown.fail, None: shown.warn}[test.passed]
            show(f"{test.credentials} credentials: {test.result}")
    failed = [test for test in tests if test.passed is False]
    untested = [test for test in tests if test.passed is None]
    if args.json:
        print_json([asdict(test) for test in tests])
    shown.say(f"{len(tests) - len(failed) - len(untested)} passed, {len(failed)} failed, {len(untested)} not tested")
    return 1 if failed else 0

"""`python -m tools.docs` (`make docs`): write docs/commands.md and the table of checks in docs/operate.md.

A test compares, so a change of a command's help or a check that leaves the docs behind is noticed.
"""

import argparse
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from storygate.checks import CHECKS
from storygate.cli import parser

DOCS = Path(__file__).resolve().parents[1] / "docs"
COMMANDS, OPERATE = DOCS / "commands.md", DOCS / "operate.md"

RIGHTS = {
    "none": "no rights in AWS",
    "operator": "the [operator's role](operate.md#the-operators-role)",
    "decide": "the operator's role, `secretsmanager:GetSecretValue` for the secret, `apigateway:GET`",
    "control": "the operator's role, and on runs `states:StartExecution`, `states:StopExecution`, on the table "
    "`dynamodb:GetItem`, `dynamodb:DeleteItem`",
    "redrive": "the operator's role, `states:StartExecution`, and on the queue `sqs:GetQueueUrl`, "
    "`sqs:GetQueueAttributes`, `sqs:ReceiveMessage`, `sqs:DeleteMessage`, `sqs:ChangeMessageVisibility`",
    "sweep": "`lambda:InvokeFunction` on the function `…-sweep`",
    "deployer": "the [deployer's rights](operate.md#the-deployers-rights): to read and change all of a stage",
}

# Command: the rights it needs, and what its exit codes mean.
FACTS = {
    "new-stage": ("none", "0 written, or there was nothing to write"),
    "deploy": ("deployer", "0 deployed"),
    "destroy": ("deployer", "0 taken down, now or before"),
    "local": ("none", "0 stopped; 1 cannot start"),
    "demo": ("none", "0 approved; 1 not"),
    "start": ("operator", "0 uploaded; with `--wait` as [watch](#watch), and 1 if no run started within two minutes"),
    "watch": ("operator", "0 approved; 1 ended otherwise; 124 still running after `--timeout`"),
    "list": ("operator", "0, also without any run"),
    "results": ("operator", "0 approved; 1 another outcome, or no result, with the reason"),
    "report": (
        "operator",
        "0 wrote the report, whatever the run's outcome; 1 AWS has deleted the run's history (90 days after its end)",
    ),
    "console": ("operator", "0 stopped; 1 the port is taken, or AWS refuses you"),
    "callback": ("decide", "0 the callback decided as asked; 1 it did not; 124 no answer within `--timeout`"),
    "retry": ("control", "0 started; 1 the first run still runs, or its input is gone"),
    "redrive": ("redrive", "0 the queue is empty; 1 it is not"),
    "sweep": ("sweep", "0 swept; 1 a call failed for some story, or the function did"),
    "cancel": ("control", "0 cancelled, now or before; 1 the run ended by itself; 124 it did not stop in time"),
    "test-apis": (
        "deployer",
        "0 passed; 1 a check failed. What cannot be tested (OAuth, a secret you may not read) is no failure",
    ),
    "smoke": ("deployer", "0 both runs ended as wanted; 1 one did not"),
    "doctor": ("deployer", "0 healthy, warnings included; 1 a check fails"),
    "cost": ("deployer", "0 computed; 1 there is no approved run to compute from"),
    "rotate": ("deployer", "0 rotated; 1 what the message says"),
    "jira": ("deployer", "0 connected, or nothing fails; 1 what the message or a check says"),
    "definition": ("none", "0 printed"),
    "diagram": ("none", "0 drawn"),
}

# What `deploy` and `destroy --purge` call with the deployer's credentials, `chalice` included. A test records
# them. What CloudFormation does with these credentials is not among them.
DEPLOYER: dict[str, list[str]] = {
    "apigateway": [
        "DELETE",
        "GET",
        "PATCH",
        "POST",
        "PUT",
    ],
    "cloudformation": [
        "CreateChangeSet",
        "DeleteChangeSet",
        "DeleteStack",
        "DescribeChangeSet",
        "DescribeStackEvents",
        "DescribeStacks",
        "ExecuteChangeSet",
    ],
    "dynamodb": [
        "DeleteTable",
        "DescribeTable",
        "UpdateTable",
    ],
    "events": ["DeleteRule", "ListConnections", "ListRules", "PutRule", "PutTargets", "RemoveTargets"],
    "iam": [
        "CreateRole",
        "DeleteRole",
        "DeleteRolePolicy",
        "GetRole",
        "ListRolePolicies",
        "PassRole",
        "PutRolePolicy",
    ],
    "lambda": [
        "AddPermission",
        "CreateFunction",
        "DeleteFunction",
        "DeleteFunctionConcurrency",
        "GetFunction",
        "GetFunctionConfiguration",
        "GetPolicy",
        "ListTags",
        "PutFunctionConcurrency",
        "TagResource",
        "UpdateFunctionCode",
        "UpdateFunctionConfiguration",
    ],
    "logs": [
        "CreateLogGroup",
        "DeleteLogGroup",
        "DescribeLogGroups",
        "PutRetentionPolicy",
    ],
    "s3": [
        "DeleteBucket",
        "DeleteObject",
        "DeleteObjectVersion",
        "GetBucketNotification",
        "GetBucketVersioning",
        "GetObject",
        "ListBucket",
        "ListBucketVersions",
        "PutBucketNotification",
        "PutObject",
    ],
    "secretsmanager": [
        "CreateSecret",
        "DeleteSecret",
        "DescribeSecret",
        "GetSecretValue",
    ],
    "states": [
        "DescribeStateMachine",
        "DescribeStateMachineAlias",
        "ListExecutions",
        "ListStateMachineVersions",
        "StopExecution",
    ],
}

PREAMBLE = """\
# Commands

<!-- Written by `python -m tools.docs` from the commands' own help. -->

A command works on the account that the AWS CLI would use, but with `--stage local` always on the local cloud: at
`http://127.0.0.1:4566`, or at `AWS_ENDPOINT_URL`. `--stage` is a stage of `.chalice/config.json`, EXECUTION a run's
name or its ARN. With `--json` standard output gets one JSON document (`watch`: one a line) and nothing else. `--help`
also shows ports, `--timeout` (the longest wait) and `--yes` (no question). No command ever shows a token.

| Exit code | Meaning |
|---|---|
| 0 | done; of a command that reports a run's outcome: approved |
| 1 | something to fix, with its fix on standard error; or the run was not approved |
| 2 | wrong usage |
| 124 | a wait reached its `--timeout`; the run goes on |
| 130 | interrupted with Ctrl-C |
"""


def main() -> int:
    """Write the pages; return 0."""
    COMMANDS.write_text(commands_page(), encoding="utf-8")
    OPERATE.write_text(operate_page(OPERATE.read_text(encoding="utf-8")), encoding="utf-8")
    return 0


def commands_page() -> str:
    """Return docs/commands.md: the exit codes, the rights, then each command in the order of the help."""
    sections = [_section(name, command) for name, command in commands().items()]
    return "\n".join([PREAMBLE, "## Rights\n", _rights(), *sections]).rstrip() + "\n"


def operate_page(page: str) -> str:
    """Return docs/operate.md with the tables of doctor's checks and the deployer's rights renewed."""
    checks = [(f"`{check.name}`", check.why) for check in CHECKS]
    page = _between(page, "doctor", _table(("Check", "Why it matters"), checks))
    rights = [
        (f"`{service}:`", ", ".join(f"`{action}`" for action in actions)) for service, actions in DEPLOYER.items()
    ]
    return _between(page, "deployer", _table(("Service", "Actions"), rights))


def commands() -> dict[str, argparse.ArgumentParser]:
    """Return each command's parser by its name."""
    subparsers: Any = next(action for action in parser()._actions if action.choices)
    return dict(subparsers.choices)


def example_of(command: argparse.ArgumentParser) -> str:
    """Return the command line after `Example: ` in a command's help."""
    return re.sub(r"^Example: (.*?)\.?$", r"\1", " ".join((command.epilog or "").split()))


def _rights() -> str:
    rows = []
    for right, text in RIGHTS.items():
        names = [f"[{name}](#{name})" for name in commands() if FACTS[name][0] == right]
        rows.append((text, ", ".join(names)))
    return (
        _table(("With", "you may run"), rows)
        + "\nIn the `console`, to decide needs what `callback` needs, to retry or cancel what `retry` needs.\n"
    )


def _section(name: str, command: argparse.ArgumentParser) -> str:
    options = [_option(action, command) for action in command._actions if not _is_shared(action)]
    parts = [f"## {name}", "", command.description or "", "", *options, *([""] if options else [])]
    return "\n".join([*parts, f"Exit codes: {FACTS[name][1]}.", "", f"    {example_of(command)}", ""])


def _is_shared(action: argparse.Action) -> bool:
    """Return whether preamble or example name it; a --json with a help of its own is not shared."""
    return (
        not action.option_strings
        or bool({"--help", "--stage", "--timeout", "--yes"} & set(action.option_strings))
        or any(name.endswith("port") for name in action.option_strings)
        or ("--json" in action.option_strings and "nothing else" in (action.help or ""))
    )


def _option(action: argparse.Action, command: argparse.ArgumentParser) -> str:
    value = action.metavar or (f"{{{','.join(map(str, action.choices))}}}" if action.choices else action.dest.upper())
    takes_value = action.nargs != 0
    names = ", ".join(f"`{name}{f' {value}' if takes_value else ''}`" for name in action.option_strings)
    return f"- {names}: {(action.help or '') % {**vars(action), 'prog': command.prog}}"


def _table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    lines = [head, ("---",) * len(head), *rows]
    return "".join(f"| {' | '.join(cells)} |\n" for cells in lines)


def _between(page: str, name: str, text: str) -> str:
    begin, end = f"<!-- {name}: python -m tools.docs -->\n", f"<!-- end of {name} -->"
    before, _, rest = page.partition(begin)
    return f"{before}{begin}\n{text}\n{end}{rest.partition(end)[2]}"


if __name__ == "__main__":
    raise SystemExit(main())

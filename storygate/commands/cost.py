"""`cost`: what executions cost, computed from one that ran (cost/usage.py); each assumption is printed with it."""

import argparse
from decimal import Decimal
from typing import Any

from storygate.commands.arguments import Place, add_command, add_execution, emit, place_of, say
from storygate.cost.prices import CHECKED, PRICES, REGION
from storygate.cost.usage import MOCKS, MONTHLY, USAGE, Bill, Deployed, Line, compute
from storygate.runs.executions import name_of
from storygate.support.errors import OperatorError
from storygate.support.terminal import Terminal

THOUSAND = 1_000

# The system this one replaces (hoopdad/step-function-poc): what 1,000 executions a month come to there, all in. It has
# one secret, mocks as functions, logs, and neither alarms nor a dashboard.
REPLACED = {"dollarsPerMonth": 0.92, "executions": THOUSAND, "transitions": 15, "lambdaRequests": 5}
NOT_COUNTED = (
    "Not counted: what is stored (S3, DynamoDB, logs), data sent out of AWS, deliveries that decide nothing, tax."
)


def register(commands: Any) -> None:
    """Adds the command to the command line."""
    parser = add_command(
        commands,
        "cost",
        run,
        help="dollars per 1,000 executions, from one that ran",
        description="Computes what executions cost from the history and the logs of one that was approved: EXECUTION, "
        f"or the newest. Prices of {REGION}, as of {CHECKED}.",
        example="--stage dev --executions 5000",
    )
    add_execution(parser, nargs="?")
    parser.add_argument(
        "--executions", type=_count, default=THOUSAND, metavar="N", help="how many a month (default 1000)"
    )


def run(args: argparse.Namespace, terminal: Terminal) -> int:
    """The command: 0."""
    place = place_of(args)
    arn = approved_run(place, args.execution)
    pages = place.stepfunctions.get_paginator("get_execution_history").paginate(executionArn=arn)
    events = [event for page in pages for event in page["events"]]
    bill = compute(events, Deployed(place), name_of(arn))
    if args.json:
        emit(_document(place, name_of(arn), bill, args.executions))
    else:
        _show(place, name_of(arn), bill, args.executions, terminal)
    return 0


def approved_run(place: Place, execution: str | None) -> str:
    """The ARN of the run to compute from; OperatorError if there is none, or the one given was not approved."""
    if execution is None:
        newest = next(place.runs.latest("SUCCEEDED"), None)
        if newest is None:
            raise OperatorError(
                f"Stage {place.stage.name} has no run that was approved.", f"Make one: {say('smoke', place.stage)}"
            )
        return newest.arn
    described = place.runs.describe(execution)
    if described["status"] != "SUCCEEDED":
        raise OperatorError(
            f"{name_of(execution)} is {described['status']}, and cost counts whole runs that were approved.",
            f"Give another one ({say('list', place.stage)}), or none for the newest.",
        )
    return str(described["executionArn"])


def _count(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text} is not a number of executions, 1 or more")
    return number


def _totals(bill: Bill, executions: int) -> dict[str, Decimal]:
    return {
        "usagePerThousand": bill.total(THOUSAND, [USAGE]),
        "mocksPerThousand": bill.total(THOUSAND, [MOCKS]),
        "monthly": bill.total(0, [MONTHLY]),
        "total": bill.total(executions),
        "totalAfterFreeTier": bill.total(executions, free=True),
        # What the replaced system has as well, mocks among it, for as many executions as its figure is for.
        "thousandWithoutObservability": bill.total(THOUSAND, [USAGE, MOCKS]) + _secret(bill),
    }


def _secret(bill: Bill) -> Decimal:
    return sum((line.dollars(0) for line in bill.lines if line.price == "secret"), Decimal(0))


def _document(place: Place, execution: str, bill: Bill, executions: int) -> dict[str, Any]:
    return {
        "stage": place.stage.name,
        "execution": execution,
        "region": REGION,
        "pricesChecked": CHECKED,
        "executions": executions,
        "lines": [
            {
                "group": line.group,
                "what": PRICES[line.price].unit,
                "quantity": float(line.quantity),
                "per": "month" if line.group == MONTHLY else "execution",
                "unitPrice": float(PRICES[line.price].each),
                "dollarsPerThousand": float(line.dollars(THOUSAND)),
                "basis": line.basis,
                "source": PRICES[line.price].source,
                "secondHand": PRICES[line.price].second_hand,
            }
            for line in bill.lines
        ],
        "totals": {name: round(float(value), 6) for name, value in _totals(bill, executions).items()},
        "replaced": REPLACED,
        "assumptions": bill.assumptions,
        "notCounted": NOT_COUNTED,
    }


def _show(place: Place, execution: str, bill: Bill, executions: int, terminal: Terminal) -> None:
    terminal.step(f"run {execution} of stage {place.stage.name}; prices of {REGION}, {CHECKED}")
    for group, title in (
        (USAGE, "each execution"),
        (MOCKS, "the mock APIs, until real ones stand in their place"),
        (MONTHLY, "each month, however many executions"),
    ):
        lines = [line for line in bill.lines if line.group == group]
        if lines:
            terminal.say()
            terminal.say(title)
            dollars = "DOLLARS A MONTH" if group == MONTHLY else "DOLLARS PER 1,000"
            columns = ("WHAT", "QUANTITY", "PRICE", dollars, "QUANTITY FROM", "PRICE FROM")
            terminal.table(columns, [_cells(line) for line in lines])
    totals = _totals(bill, executions)
    terminal.say()
    for text, amount in (
        ("1,000 executions, without what is paid by the month", totals["usagePerThousand"]),
        ("the mocks, for 1,000 executions", totals["mocksPerThousand"]),
        ("each month, however many executions", totals["monthly"]),
        (f"{executions:,} executions in a month, all in, without mocks", totals["total"]),
        ("  after what every account has free for ever", totals["totalAfterFreeTier"]),
        ("the replaced system: 1,000 executions in a month, all in", Decimal(str(REPLACED["dollarsPerMonth"]))),
        ("  ours, of the same scope: mocks, neither alarms nor dashboard", totals["thousandWithoutObservability"]),
    ):
        terminal.say(f"{text:<64}${amount:>7.2f}")
    terminal.say()
    for text in (*bill.assumptions, NOT_COUNTED):
        terminal.detail(text)
    terminal.detail(f"Free for ever, each month: {_free()}. They are the whole account's, not this stage's.")
    terminal.detail("* second-hand: not read on AWS's own page, check it there.")


def _free() -> str:
    return ", ".join(f"{price.free:,} {price.unit}" for price in PRICES.values() if price.free)


def _cells(line: Line) -> tuple[str, ...]:
    price = PRICES[line.price]
    quantity = f"{line.quantity:.6f}".rstrip("0").rstrip(".")
    source = price.source + (" *" if price.second_hand else "")
    return price.unit, quantity, price.told, f"{line.dollars(THOUSAND):.4f}", line.basis, source

"""`cost`: the price of executions, computed from one that ran, with all assumptions."""

import argparse
from typing import Any

from storygate.commands.arguments import add_command, add_execution, context_of, print_json
from storygate.cost.bill import MOCKS, MONTHLY, THOUSAND, USAGE, Bill, Line
from storygate.cost.prices import CHECKED, PRICES, REGION
from storygate.cost.usage import approved_run, bill_of
from storygate.runs.executions import name_of
from storygate.support.terminal import Terminal

NOT_COUNTED = (
    "Not counted: storage (S3, DynamoDB, logs), data sent out of AWS, deliveries that decide nothing, and tax."
)


def register(commands: Any) -> None:
    """Add the command to the command line."""
    parser = add_command(
        commands,
        "cost",
        run,
        help="compute the price of 1,000 executions, from one that ran",
        description="Computes what executions cost from the history and the logs of one that was approved: EXECUTION, "
        f"or the newest. Prices of {REGION}, as of {CHECKED}.",
        example="--stage dev --executions 5000",
    )
    add_execution(parser, nargs="?")
    parser.add_argument(
        "--executions", type=_count, default=THOUSAND, metavar="N", help="how many executions in a month (default 1000)"
    )


def run(args: argparse.Namespace, terminal: Terminal) -> int:
    """Compute and show the bill: 0."""
    context = context_of(args)
    arn = approved_run(context, args.execution)
    bill = bill_of(context, arn)
    if args.json:
        print_json(_document(context.stage.name, name_of(arn), bill, args.executions))
    else:
        terminal.step(f"run {name_of(arn)} of stage {context.stage.name}; prices of {REGION}, {CHECKED}")
        _show(bill, args.executions, terminal)
    return 0


def _count(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text} is not a number of executions, 1 or more")
    return number


def _document(stage: str, execution: str, bill: Bill, executions: int) -> dict[str, Any]:
    return {
        "stage": stage,
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
        "totals": {name: round(float(value), 6) for name, value in bill.totals(executions).items()},
        "assumptions": bill.assumptions,
        "notCounted": NOT_COUNTED,
    }


def _show(bill: Bill, executions: int, terminal: Terminal) -> None:
    for group, title in (
        (USAGE, "each execution"),
        (MOCKS, "the mock APIs, as long as they are not replaced by real ones"),
        (MONTHLY, "each month, however many executions"),
    ):
        lines = [line for line in bill.lines if line.group == group]
        if lines:
            terminal.say()
            terminal.say(title)
            dollars = "DOLLARS A MONTH" if group == MONTHLY else "DOLLARS PER 1,000"
            columns = ("WHAT", "QUANTITY", "PRICE", dollars, "QUANTITY FROM", "PRICE FROM")
            terminal.table(columns, [_cells(line) for line in lines])
    totals = bill.totals(executions)
    terminal.say()
    for text, amount in (
        ("1,000 executions, without the monthly costs", totals["usagePerThousand"]),
        ("the mocks, for 1,000 executions", totals["mocksPerThousand"]),
        ("each month, however many executions", totals["monthly"]),
        (f"{executions:,} executions in a month, everything but mocks", totals["total"]),
        ("  after what every account has free", totals["totalAfterFreeTier"]),
    ):
        terminal.say(f"{text:<64}${amount:>7.2f}")
    terminal.say()
    for text in (*bill.assumptions, NOT_COUNTED):
        terminal.detail(text)
    free = ", ".join(f"{price.free:,} {price.unit}" for price in PRICES.values() if price.free)
    terminal.detail(f"Free each month, without end: {free}. They are for the whole account, not for this stage.")
    terminal.detail("* second-hand: not read on AWS's own page; check it there.")


def _cells(line: Line) -> tuple[str, ...]:
    price = PRICES[line.price]
    quantity = f"{line.quantity:.6f}".rstrip("0").rstrip(".")
    source = price.source + (" *" if price.second_hand else "")
    return price.unit, quantity, price.text, f"{line.dollars(THOUSAND):.4f}", line.basis, source

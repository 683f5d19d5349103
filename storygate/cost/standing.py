"""What a stage costs each month without a single execution: its secrets, its alarms and metrics, and its sweeps."""

from decimal import Decimal

from storygate.cost.bill import GIGABYTE, LOG_BYTES_PER_INVOCATION, MONTHLY, Bill
from storygate.cost.meter import ASSUMED_MS, Meter
from storygate.stage.config import SWEEP

SWEEPS = 30 * 24 * 12
"""Sweeps in a month: one in five minutes."""
METRICS = 1 + 1 + 5
"""The sweep's, an outcome's, and those of the callback's method (API Gateway developer guide, metrics)."""


def count_standing(bill: Bill, meter: Meter) -> None:
    """Add what is paid by the month to a bill."""
    for price, quantity in meter.monthly().items():
        bill.add(MONTHLY, price, quantity, "the stage's stack")
    bill.add(MONTHLY, "secret", 1, "one for the stage")
    if meter.asks_jira:
        bill.add(MONTHLY, "secret", 1, "Jira's credentials")
    bill.add(MONTHLY, "metric", METRICS, "the sweep's, an outcome's, and five of the callback")
    bill.assumptions.append(
        "CloudWatch charges for a metric in the hours in which it has data: counted as if a run ended, and a delivery "
        "came, in each."
    )
    _count_sweeps(bill, meter)


def _count_sweeps(bill: Bill, meter: Meter) -> None:
    found, memory = meter.sweep(), meter.memory_mb(SWEEP)
    milliseconds = found.milliseconds if found and found.milliseconds else ASSUMED_MS
    basis = f"a sweep in five minutes: {milliseconds} ms at {memory} MB, {'its log' if found else 'assumed'}"
    bill.add(MONTHLY, "lambda request", SWEEPS, "a sweep in five minutes")
    bill.add(MONTHLY, "gb-second", SWEEPS * milliseconds / 1000 * memory / 1024, basis)
    bill.add(MONTHLY, "read unit", 2 * SWEEPS, "the index and the cursor, for each sweep")
    bill.add(MONTHLY, "log gb", Decimal(SWEEPS * LOG_BYTES_PER_INVOCATION) / GIGABYTE, "the sweeps, size assumed")
    bill.add(MONTHLY, "trace", SWEEPS, "the sweeps")
    bill.assumptions.append(
        "A sweep finds no waiting run; each thousand of them adds about a thousand read units to it."
    )

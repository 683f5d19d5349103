"""The bill of one execution: what it used, what that costs, and what was assumed."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from decimal import Decimal

from storygate.cost.prices import PRICES

USAGE, MOCKS, MONTHLY = "usage", "mocks", "monthly"
"""The groups of lines: used by an execution, used by it only as long as the APIs are mocks, paid by the month."""
THOUSAND = 1_000
LOG_BYTES_PER_INVOCATION = 900  # START, END, REPORT and the function's own line
GIGABYTE = 1024**3


@dataclass(frozen=True)
class Line:
    """The quantity of one priced thing: for one execution, or for one month if the group is MONTHLY."""

    group: str
    price: str
    quantity: Decimal
    basis: str

    def dollars(self, executions: int, *, free_left: Decimal = Decimal(0)) -> Decimal:
        """Return the price for a month with so many executions, after `free_left` free units."""
        total = self.quantity * (1 if self.group == MONTHLY else executions)
        return max(Decimal(0), total - free_left) * PRICES[self.price].each


@dataclass
class Bill:
    """The lines of an execution and the assumptions in them."""

    lines: list[Line] = field(default_factory=list)
    assumptions: list[str] = field(default_factory=list)

    def add(self, group: str, price: str, quantity: int | Decimal, basis: str) -> None:
        """Add a line, unless the quantity is zero."""
        if quantity:
            self.lines.append(Line(group, price, Decimal(quantity), basis))

    def total(self, executions: int, groups: Iterable[str] = (USAGE, MONTHLY), *, free: bool = False) -> Decimal:
        """Return the dollars of a month with so many executions; `free` subtracts what every account has free."""
        groups = tuple(groups)
        left = {name: price.free if free else Decimal(0) for name, price in PRICES.items()}
        total = Decimal(0)
        for line in (line for line in self.lines if line.group in groups):
            total += line.dollars(executions, free_left=left[line.price])
            used = line.quantity * (1 if line.group == MONTHLY else executions)
            left[line.price] = max(Decimal(0), left[line.price] - used)
        return total

    def totals(self, executions: int) -> dict[str, Decimal]:
        """Return the sums that `cost` shows, in dollars."""
        return {
            "usagePerThousand": self.total(THOUSAND, [USAGE]),
            "mocksPerThousand": self.total(THOUSAND, [MOCKS]),
            "monthly": self.total(0, [MONTHLY]),
            "total": self.total(executions),
            "totalAfterFreeTier": self.total(executions, free=True),
        }

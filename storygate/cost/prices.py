"""AWS's prices in us-east-1, each with its source.

They were checked in November 2026 against copies of AWS's own pages. A price that no such copy shows is marked
second-hand: it was read only in articles of others. Check a price on the named page before you rely on it.
"""

from dataclasses import dataclass
from decimal import Decimal

REGION = "us-east-1"
CHECKED = "2026-11-22"


@dataclass(frozen=True)
class Price:
    """Dollars for `per` units. `free` units are free for every account each month, without end; trials do not count."""

    unit: str
    dollars: Decimal
    per: int
    source: str
    second_hand: bool
    free: Decimal = Decimal(0)

    @property
    def each(self) -> Decimal:
        """Dollars for one unit."""
        return self.dollars / self.per

    @property
    def text(self) -> str:
        """The price for people: `$25.00 per 1M`."""
        amount = {1: "each", 1_000: "per 1,000", 1_000_000: "per 1M"}[self.per]
        return f"${self.dollars} {amount}"


def _price(unit: str, dollars: str, per: int, source: str, *, second_hand: bool = False, free: int = 0) -> Price:
    return Price(unit, Decimal(dollars), per, source, second_hand, Decimal(free))


MILLION = 1_000_000
PRICES = {
    "transition": _price("state transitions", "25.00", MILLION, "AWS Step Functions pricing", free=4_000),
    "http task": _price("HTTP Task calls", "0.00", MILLION, "AWS Step Functions pricing names no charge"),
    "lambda request": _price("Lambda requests", "0.20", MILLION, "How AWS Pricing Works, AWS Lambda", free=MILLION),
    "gb-second": _price("GB-seconds (x86)", "16.6667", MILLION, "AWS Lambda pricing", second_hand=True, free=400_000),
    "rest request": _price(
        "REST API requests", "3.50", MILLION, "AWS whitepaper Private APIs with API Gateway, table 4"
    ),
    "write unit": _price("DynamoDB write units", "0.625", MILLION, "Amazon DynamoDB pricing", second_hand=True),
    "read unit": _price("DynamoDB read units", "0.125", MILLION, "Amazon DynamoDB pricing", second_hand=True),
    "s3 put": _price("S3 PUT requests", "0.005", 1_000, "Amazon S3 pricing", second_hand=True),
    "s3 get": _price("S3 GET requests", "0.0004", 1_000, "Amazon S3 pricing", second_hand=True),
    "secret call": _price("Secrets Manager calls", "5.00", MILLION, "AWS Secrets Manager pricing", second_hand=True),
    "secret": _price("secrets", "0.40", 1, "AWS Secrets Manager pricing", second_hand=True),
    "log gb": _price("GB of CloudWatch logs", "0.50", 1, "Amazon CloudWatch pricing", second_hand=True, free=5),
    "trace": _price("X-Ray traces", "5.00", MILLION, "AWS X-Ray pricing", free=100_000),
    "metric": _price("metrics of our own", "0.30", 1, "Amazon CloudWatch pricing", second_hand=True, free=10),
    "alarm": _price("alarms", "0.10", 1, "Amazon CloudWatch pricing", second_hand=True, free=10),
    "dashboard": _price("dashboards", "3.00", 1, "Amazon CloudWatch pricing", second_hand=True, free=3),
}

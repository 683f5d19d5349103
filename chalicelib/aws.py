"""The AWS clients of a function, made at their first use and kept while the function is warm."""

from functools import cache
from typing import TYPE_CHECKING

import boto3
from botocore.config import Config

if TYPE_CHECKING:
    from botocore.client import BaseClient

# Jira gives up after 20 seconds, Data Center's Automation after 3 (shared facts: Transport). Two attempts of at most
# 1 + 2 seconds a call leave room for a callback's usual four calls, and a resend follows every 503.
PATIENCE = Config(connect_timeout=1, read_timeout=2, retries={"mode": "standard", "total_max_attempts": 2})


@cache
def client(service: str) -> "BaseClient":
    """The one boto3 client of a service, e.g. `client("dynamodb")`."""
    return boto3.client(service, config=PATIENCE)

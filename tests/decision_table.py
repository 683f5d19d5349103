"""The decision table, made as the storage's stack makes it."""

from functools import cache
from typing import Any

import yaml

from tests import ROOT

SETTINGS = ("BillingMode", "AttributeDefinitions", "KeySchema", "GlobalSecondaryIndexes")


def make_table(dynamodb: Any, name: str) -> None:
    """Make the table, with the index of the runs that wait."""
    dynamodb.create_table(TableName=name, **_settings())


@cache
def _settings() -> dict[str, Any]:
    text = (ROOT / "statemachine" / "storage.yaml").read_text(encoding="utf-8")
    properties = yaml.safe_load(text.replace("!Ref ", "").replace("!Sub ", ""))["Resources"]["Table"]["Properties"]
    return {setting: properties[setting] for setting in SETTINGS}

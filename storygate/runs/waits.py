"""The waiting runs in the decision table, as an operator may touch them: whether one waits, and the end of its entry.

The task token beside an entry is the power to approve. It is read in one place, to delete that very entry and no newer
one, and handed to nobody.
"""

from collections.abc import Mapping
from itertools import islice
from typing import Any

from storygate.support.errors import OperatorError

BATCH = 100  # keys of one BatchGetItem (API reference)
ROUNDS = 8


def waiting_among(dynamodb: Any, table: str, stories: Mapping[str, str]) -> set[str]:
    """Which of these runs (name -> story) have their entry. Costs half a read unit a run, and no scan."""
    found: set[str] = set()
    remaining = iter(stories.items())
    while batch := [_key(story, name) for name, story in islice(remaining, BATCH)]:
        for _ in range(ROUNDS):
            answer = dynamodb.batch_get_item(RequestItems={table: {"Keys": batch, "ProjectionExpression": "entry"}})
            found |= {item["entry"]["S"].partition("#")[2] for item in answer["Responses"].get(table, [])}
            batch = answer.get("UnprocessedKeys", {}).get(table, {}).get("Keys", [])
            if not batch:
                break
        else:
            raise OperatorError(f"Table {table} is too busy to be read.", "Wait a minute and run this again.")
    return found


def waiting_for(dynamodb: Any, table: str, story: str, limit: int) -> list[str]:
    """The names of at most `limit` runs that wait for a story: one Query of the story's own partition."""
    answer = dynamodb.query(
        TableName=table,
        KeyConditionExpression="story = :story AND begins_with(entry, :wait)",
        ExpressionAttributeValues={":story": {"S": story}, ":wait": {"S": "WAIT#"}},
        ProjectionExpression="entry",
        Select="SPECIFIC_ATTRIBUTES",  # as the operator role must ask (workflow.yaml, SeeVerdictsAndWhoWaits)
        ConsistentRead=True,
        Limit=limit,
    )
    return [item["entry"]["S"].partition("#")[2] for item in answer["Items"]]


def remove_entry(dynamodb: Any, table: str, story: str, execution: str) -> bool:
    """Removes the entry of a run that is over; False if there was none, or another token has taken its place."""
    key = _key(story, execution)
    item = dynamodb.get_item(TableName=table, Key=key, ConsistentRead=True, ProjectionExpression="taskToken").get(
        "Item"
    )
    if not item:
        return False
    try:
        dynamodb.delete_item(
            TableName=table,
            Key=key,
            ConditionExpression="taskToken = :token",
            ExpressionAttributeValues={":token": item["taskToken"]},
        )
    except dynamodb.exceptions.ConditionalCheckFailedException:
        return False
    return True


def _key(story: str, execution: str) -> dict[str, dict[str, str]]:
    return {"story": {"S": story}, "entry": {"S": f"WAIT#{execution}"}}

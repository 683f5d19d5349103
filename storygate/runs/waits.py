"""The entries of waiting runs in the decision table: to see which runs wait, and to remove the entry of a stopped one.

An entry holds the task token, and whoever has that can approve. The token is read in one place only, to delete exactly
that entry and not a newer one, and is never returned.
"""

from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any

from storygate.support.errors import OperatorError

ENTRY = "WAIT#"  # the start of a waiting run's `entry`; its name follows (chalicelib/verdicts.py)
BATCH = 100  # keys of one BatchGetItem (API reference)
ROUNDS = 8
FORMER_KEYS = 20  # of one story, that are followed


def waiting_among(dynamodb: Any, table: str, stories: Mapping[str, str]) -> set[str]:
    """Return those of the runs (name -> story) that have an entry. Costs half a read unit for each run.

    Raises OperatorError if the table is too busy.
    """
    found: set[str] = set()
    remaining = iter(stories.items())
    while batch := [_key(story, name) for name, story in islice(remaining, BATCH)]:
        for _ in range(ROUNDS):
            answer = dynamodb.batch_get_item(RequestItems={table: {"Keys": batch, "ProjectionExpression": "entry"}})
            found |= {item["entry"]["S"].removeprefix(ENTRY) for item in answer["Responses"].get(table, [])}
            batch = answer.get("UnprocessedKeys", {}).get(table, {}).get("Keys", [])
            if not batch:
                break
        else:
            raise OperatorError(f"Table {table} is too busy to be read.", "Wait a minute and run this again.")
    return found


def waiting_for(dynamodb: Any, table: str, story: str, limit: int) -> list[str]:
    """Return the names of at most `limit` runs that wait for a story: one Query of the story's own partition."""
    answer = dynamodb.query(
        TableName=table,
        KeyConditionExpression="story = :story AND begins_with(entry, :wait)",
        ExpressionAttributeValues={":story": {"S": story}, ":wait": {"S": ENTRY}},
        ProjectionExpression="entry",
        Select="SPECIFIC_ATTRIBUTES",  # as the operator role must ask (workflow.yaml, SeeVerdictsAndWhoWaits)
        ConsistentRead=True,
        Limit=limit,
    )
    return [item["entry"]["S"].removeprefix(ENTRY) for item in answer["Items"]]


def reached_by(dynamodb: Any, table: str, story: str, limit: int) -> list[tuple[str, str]]:
    """Return story and name of at most `limit` runs that a verdict for a story reaches: those that wait for it.

    Those under a key that the story had before it was moved are reached too (chalicelib/verdicts.py), its own first.
    Costs one Query for each key.
    """
    found: list[tuple[str, str]] = []
    keys = [story]
    for key in keys:  # grows while it is read
        for entry in _entries(dynamodb, table, key):
            kind, _, name = entry.partition("#")
            if kind == "MOVED" and name not in keys and len(keys) < FORMER_KEYS:
                keys.append(name)
            elif kind == "WAIT":
                found.append((key, name))
            if len(found) == limit:
                return found
    return found


def _entries(dynamodb: Any, table: str, story: str) -> Iterator[str]:
    query = {
        "TableName": table,
        "KeyConditionExpression": "story = :story",
        "ExpressionAttributeValues": {":story": {"S": story}},
        "ProjectionExpression": "entry",
        "Select": "SPECIFIC_ATTRIBUTES",  # as in waiting_for
        "ConsistentRead": True,
    }
    while True:
        answer = dynamodb.query(**query)
        yield from (item["entry"]["S"] for item in answer["Items"])
        if not (last := answer.get("LastEvaluatedKey")):
            return
        query["ExclusiveStartKey"] = last


def remove_entry(dynamodb: Any, table: str, story: str, execution: str) -> bool:
    """Remove the entry of an ended run; False if there was none, or it meanwhile holds another token."""
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
    return {"story": {"S": story}, "entry": {"S": f"{ENTRY}{execution}"}}

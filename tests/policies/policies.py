"""Split policies into single grants, and evaluate whether they allow a need.

Principal Mapper (NCC Group) evaluates; its authors compared it with AWS's policy simulator: `*` and `?`, Deny before
Allow, String and ARN operators, ForAllValues, absent condition keys. It differs in one point: it ignores the case of
resources, which none of our names depends on. Its last release is older than Python 3.10, which moved two names; we put
them back before the import. It is a tool of these tests alone (AGPL) and ships with nothing.
"""

import collections
import collections.abc
import itertools
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from tests.policies.permissions import Need

for _name in ("Mapping", "MutableMapping"):
    setattr(collections, _name, getattr(collections.abc, _name))

from principalmapper.querying.local_policy_simulation import policy_has_matching_statement  # noqa: E402
from principalmapper.util.case_insensitive_dict import CaseInsensitiveDict  # noqa: E402

Document = dict[str, Any]


def allows(policies: Iterable[Document], need: Need) -> bool:
    """Return whether the policies of a principal allow the need: one statement does, and none denies it."""
    policies = list(policies)
    return _matches(policies, "Allow", need) and not _matches(policies, "Deny", need)


def _matches(policies: list[Document], effect: str, need: Need) -> bool:
    # A condition key with one value is not multi-valued.
    context = CaseInsensitiveDict({key: list(values) if len(values) > 1 else values[0] for key, values in need.context})
    return any(
        policy_has_matching_statement(policy, effect, need.action, need.resource, context) for policy in policies
    )


@dataclass(frozen=True)
class Grant:
    """The smallest part of a statement: one action, one resource, one value for each condition."""

    sid: str
    action: str
    resource: str
    values: tuple[str, ...]
    statement: Any

    def __hash__(self) -> int:
        return hash((self.sid, self.action, self.resource, self.values))

    def covers(self, need: Need) -> bool:
        """Return whether this part alone would allow the need."""
        return allows([{"Statement": [self.statement]}], need)


def grants(policies: Iterable[Document]) -> list[Grant]:
    """Split the Allow statements of policies: one grant for each action, resource and condition value."""
    return [
        grant
        for policy in policies
        for statement in _list(policy["Statement"])
        if statement["Effect"] == "Allow"
        for grant in _split(statement)
    ]


def _split(statement: Document) -> Iterable[Grant]:
    # `ForAllValues` is about all values of the request together, so its list must not be split.
    choices = [
        [(operator, key, value) for value in ([values] if operator.startswith("ForAllValues:") else _list(values))]
        for operator, keys in statement.get("Condition", {}).items()
        for key, values in keys.items()
    ]
    for action, resource in itertools.product(_list(statement["Action"]), _list(statement["Resource"])):
        for chosen in itertools.product(*choices):
            condition: Document = {}
            for operator, key, value in chosen:
                condition.setdefault(operator, {})[key] = value
            single = {"Effect": "Allow", "Action": action, "Resource": resource}
            values = tuple(value for operator, _, value in chosen if isinstance(value, str) and operator != "Null")
            yield Grant(
                statement.get("Sid", ""),
                action,
                resource,
                values,
                single | ({"Condition": condition} if chosen else {}),
            )


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]

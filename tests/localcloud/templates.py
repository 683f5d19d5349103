"""Small CloudFormation templates, for tests that deploy them."""

from collections.abc import Callable
from typing import Any

Deploy = Callable[..., dict[str, str]]

ROLE = "arn:aws:iam::123456789012:role/any"
TRUST = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"Service": "states.amazonaws.com"}}]}


def template(
    parameters: list[str] | None = None, outputs: dict[str, Any] | None = None, **resources: Any
) -> dict[str, Any]:
    return {
        "Parameters": {name: {"Type": "String"} for name in parameters or []},
        "Resources": {name: {"Type": kind, "Properties": properties} for name, (kind, properties) in resources.items()},
        "Outputs": {name: {"Value": value} for name, value in (outputs or {}).items()},
    }


def attribute(resource: str, name: str) -> dict[str, Any]:
    return {"Fn::GetAtt": [resource, name]}

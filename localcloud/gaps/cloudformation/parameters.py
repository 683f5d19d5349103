"""CloudFormation checks parameters and hides NoEcho values.

AWS: CloudFormation user guide, parameters-section-structure.html. A value must fit AllowedPattern (the whole value),
AllowedValues, Min/MaxLength and Min/MaxValue; the refusal quotes ConstraintDescription if there is one; names that the
template does not know are refused; a NoEcho value is shown as `****`.
moto 5.2.5 checks nothing, ignores unknown names, and shows NoEcho values, because it looks for the value among the
names.
"""

import re
from collections.abc import Callable, Iterator
from typing import Any

from moto.cloudformation.exceptions import ValidationError
from moto.cloudformation.models import Stack
from moto.cloudformation.parsing import ResourceMap

from localcloud.gaps.patching import Gap

gap = Gap()


# moto reads a stack's parameters before it touches any resource.
@gap.wraps(ResourceMap, "load_parameters")
def _load_parameters(original: Callable[[Any], None], resource_map: Any) -> None:
    if resource_map._template:  # a stack that only has a change set so far has none
        _check(resource_map)
    original(resource_map)


def _check(resource_map: Any) -> None:
    declared = resource_map._template.get("Parameters") or {}
    given = resource_map.input_parameters
    if unknown := sorted(given.keys() - declared.keys()):
        raise ValidationError(message=f"Parameters: [{', '.join(unknown)}] do not exist in the template")
    if missing := sorted(name for name in declared.keys() - given.keys() if "Default" not in declared[name]):
        raise ValidationError(message=f"Parameters: [{', '.join(missing)}] must have values")
    for name, rules in declared.items():
        value = given.get(name, rules.get("Default"))
        if rules.get("Type", "String").startswith("AWS::SSM::"):
            continue
        for complaint in _complaints(name, str(value), rules):
            if description := rules.get("ConstraintDescription"):
                complaint = f"Parameter {name} failed to satisfy constraint: {description}"
            raise ValidationError(message=complaint)


def _complaints(name: str, value: str, rules: dict[str, Any]) -> Iterator[str]:
    if rules.get("Type") == "Number":
        try:
            number = float(value)
        except ValueError:
            yield f"Parameter '{name}' must be a number"
            return
        if "MinValue" in rules and number < float(rules["MinValue"]):
            yield f"Parameter '{name}' must be a number not less than {rules['MinValue']}"
        if "MaxValue" in rules and number > float(rules["MaxValue"]):
            yield f"Parameter '{name}' must be a number not greater than {rules['MaxValue']}"
    if "AllowedPattern" in rules and not re.fullmatch(rules["AllowedPattern"], value):
        yield f"Parameter '{name}' must match pattern {rules['AllowedPattern']}"
    if "AllowedValues" in rules and value not in map(str, rules["AllowedValues"]):
        yield f"Parameter '{name}' must be one of AllowedValues"
    if "MinLength" in rules and len(value) < int(rules["MinLength"]):
        yield f"Parameter '{name}' must contain at least {rules['MinLength']} characters"
    if "MaxLength" in rules and len(value) > int(rules["MaxLength"]):
        yield f"Parameter '{name}' must contain at most {rules['MaxLength']} characters"


@gap.replaces(Stack, "parameter_list")
def _parameter_list(stack: Any) -> list[dict[str, Any]]:
    resource_map = stack.resource_map
    return [
        {
            "ParameterKey": name,
            "ParameterValue": "****" if name in resource_map.no_echo_parameter_keys else _text(value),
        }
        for name, value in resource_map.resolved_parameters.items()
    ]


def _text(value: Any) -> str:
    return ",".join(map(str, value)) if isinstance(value, list) else str(value)

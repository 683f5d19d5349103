"""CloudFormation updates what changed, and refuses an update without changes.

AWS: CloudFormation user guide, using-cfn-updating-stacks.html and API reference `CreateChangeSet`, `UpdateStack`.
 - A resource is updated if its properties, with parameters and conditions applied, differ; it is added or removed when
   its condition changes. Dynamic references are compared as written.
 - Removed resources are deleted last, after the updates; `DeletionPolicy: Retain` holds then too.
 - Without changes `UpdateStack` answers ValidationError "No updates are to be performed."; a change set becomes FAILED,
   and its reason says so (`aws cloudformation deploy` reads that text). Bad parameters are refused before any change.
 - A change set gives the stack its outputs, parameters, tags and description, as `UpdateStack` does.
moto 5.2.5 compares the text of the template and looks only for a plain `Ref` to a changed parameter (neither `Fn::Sub`
nor conditions), deletes first and ignores DeletionPolicy, loses a resource whose type it cannot update, notices an
unchanged stack only if it has parameters, and after a change set shows no outputs at all.
"""

import copy
import json
from collections.abc import Callable
from typing import Any

import moto.cloudformation.parsing as parsing
from moto.cloudformation.exceptions import ValidationError
from moto.cloudformation.models import ChangeSet, CloudFormationBackend, Stack
from moto.cloudformation.responses import CloudFormationResponse

from localcloud.gaps.cloudformation.resource import retains
from localcloud.gaps.patching import Gap

NO_CHANGES = "The submitted information didn't contain changes. Submit different information to create a change set."

gap = Gap()


@gap.replaces(parsing.ResourceMap, "update")
def _update(resource_map: Any, template: dict[str, Any], parameters: dict[str, Any] | None = None) -> None:
    old_json = dict(resource_map._resource_json_map)
    existing = {name for name in old_json if resource_map._parsed_resources.get(name) is not None}
    before = {name: parsing.clean_json(old_json[name], resource_map) for name in existing}

    resource_map._template = template
    resource_map._resource_json_map = template["Resources"]
    if parameters is not None:
        resource_map.input_parameters = parameters
    resource_map.resolved_parameters = {}
    resource_map.load_mapping()
    resource_map.load_parameters()
    resource_map.load_conditions()

    wanted = {
        name
        for name, resource in template["Resources"].items()
        if "Condition" not in resource or resource_map.lazy_condition_map[resource["Condition"]]
    }
    leaving = {name: resource_map._parsed_resources.pop(name) for name in existing - wanted}
    for name in _in_order(template["Resources"]):
        if name in existing & wanted:
            _update_resource(resource_map, name, before[name])
        elif name in wanted:
            _ = resource_map[name]  # moto creates a resource when it is looked up
    for name, resource in leaving.items():
        if not retains(old_json[name]):
            resource_map._delete_resource(resource, old_json[name])


def _in_order(resources: dict[str, Any]) -> list[str]:
    """Return the names, each after those it refers to."""
    ordered: dict[str, None] = {}

    def visit(name: str, path: tuple[str, ...]) -> None:
        if name in ordered or name in path:
            return
        text = json.dumps(resources[name], default=str)
        for other in resources:
            # Ref, GetAtt, Sub and DependsOn name it in quotes or in ${…}; a false match changes only the order.
            if other != name and any(form in text for form in (f'"{other}"', f"${{{other}}}", f"${{{other}.")):
                visit(other, (*path, name))
        ordered[name] = None

    for name in resources:
        visit(name, ())
    return list(ordered)


def _update_resource(resource_map: Any, name: str, before: dict[str, Any]) -> None:
    # Copies: moto's classes write into the JSON they are handed.
    resource_json = copy.deepcopy(resource_map._resource_json_map[name])
    after = parsing.clean_json(resource_json, resource_map)
    if after.get("Properties") == before.get("Properties") and after["Type"] == before["Type"]:
        return
    resource = resource_map._parsed_resources[name]
    resource_class = parsing.resource_class_from_type(after["Type"])
    can_update = not hasattr(resource_class.update_from_cloudformation_json, "__isabstractmethod__")
    if after["Type"] == before["Type"] and can_update:
        resource_map._parsed_resources[name] = parsing.parse_and_update_resource(
            name,
            resource_json,
            resource_map,
            account_id=resource_map._account_id,
            region_name=resource_map._region_name,
        )
        return
    # A type that moto cannot update is replaced. The old one is deleted first, as it may have the same name.
    del resource_map._parsed_resources[name]
    if not retains(after, "UpdateReplacePolicy"):
        resource_map._delete_resource(resource, before)
    _ = resource_map[name]


@gap.replaces(ChangeSet, "apply")
def _apply(change_set: Any) -> None:
    stack = change_set.stack
    stack.resource_map.update(change_set.template_dict, change_set.parameters)
    stack.template = change_set.template
    stack.template_dict = change_set.template_dict
    stack.description = change_set.template_dict.get("Description")
    stack.parameters = change_set.parameters
    stack.tags = change_set.tags or stack.tags
    # `Stack.update` calls `_create_output_map`; here the resources are in this map already.
    stack.output_map = parsing.OutputMap(stack.resource_map, stack.template_dict, stack.stack_id)


@gap.wraps(CloudFormationBackend, "create_change_set")
def _create_change_set(original: Callable[..., tuple[str, str]], backend: Any, **request: Any) -> tuple[str, str]:
    template = Stack.parse_template(request["template"])
    stack = _stack(backend, request["stack_name"])
    if request["change_set_type"] == "CREATE" and stack and stack.status == "REVIEW_IN_PROGRESS":
        # A stack that has had change sets only: this one belongs to it; moto would make a second stack of the name.
        del backend.stacks[stack.stack_id]
        stack = None
    _resolved_parameters(backend, request["stack_name"], template, request["parameters"])
    ids = original(backend, **request)
    if request["change_set_type"] == "UPDATE" and _unchanged(stack, template, request["parameters"], request["tags"]):
        change_set = backend.change_sets[ids[0]]
        change_set.status, change_set.execution_status = "FAILED", "UNAVAILABLE"
        change_set.status_reason = NO_CHANGES
    return ids


@gap.replaces(CloudFormationResponse, "_validate_different_update")
def _refuse_if_unchanged(response: Any, incoming: list[dict[str, Any]] | None, body: str, stack: Any) -> None:
    if response._get_action() == "CreateChangeSet":
        return  # a change set without changes is created, and fails
    backend, template = response.cloudformation_backend, Stack.parse_template(body)
    parameters = backend._resolve_update_parameters(stack, incoming or [])
    _resolved_parameters(backend, stack.name, template, parameters)
    tags = {item["Key"]: item["Value"] for item in response._get_param("Tags", [])}
    if _unchanged(stack, template, parameters, tags):
        raise ValidationError(message="No updates are to be performed.")


def _unchanged(stack: Any, template: dict[str, Any], parameters: dict[str, Any], tags: dict[str, str] | None) -> bool:
    same_tags = not tags or tags == stack.tags
    resolved = _resolved_parameters(stack, stack.name, template, parameters)
    return bool(same_tags and template == stack.template_dict and resolved == stack.resource_map.resolved_parameters)


def _resolved_parameters(
    owner: Any, stack_name: str, template: dict[str, Any], parameters: dict[str, Any]
) -> dict[str, Any]:
    """Return the values that the template would see. Raises moto's ValidationError if one does not fit it."""
    scratch = parsing.ResourceMap(
        stack_id="",
        stack_name=stack_name,
        parameters=parameters,
        tags={},
        region_name=owner.region_name,
        account_id=owner.account_id,
        template=template,
        cross_stack_resources=None,
    )
    scratch.load_parameters()
    resolved: dict[str, Any] = scratch.resolved_parameters
    return resolved


def _stack(backend: Any, name: str) -> Any:
    return next((stack for stack in backend.stacks.values() if name in (stack.name, stack.stack_id)), None)

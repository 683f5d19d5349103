"""CloudFormation makes `AWS::Lambda::EventInvokeConfig`.

AWS: CloudFormation user guide, aws-resource-lambda-eventinvokeconfig.html. It says how often Lambda retries an
asynchronous event, and where one goes that failed for good; `FunctionName` and `Qualifier` replace, anything else
updates in place. It goes without an error if its function is gone already.
moto 5.2.5 has these settings, but not for CloudFormation.
"""

from typing import Any

import moto.cloudformation.parsing as parsing
from moto.awslambda.exceptions import UnknownFunctionException
from moto.awslambda.models import lambda_backends
from moto.core.common_models import CloudFormationModel

NUMBERS = ("MaximumRetryAttempts", "MaximumEventAgeInSeconds")


class LambdaEventInvokeConfig(CloudFormationModel):  # type: ignore[misc]  # moto is untyped here
    """The settings of one function's asynchronous events."""

    def __init__(self, function: str) -> None:
        self.physical_resource_id = function

    @staticmethod
    def cloudformation_name_type() -> str:
        return "FunctionName"

    @staticmethod
    def cloudformation_type() -> str:
        return "AWS::Lambda::EventInvokeConfig"

    @classmethod
    def has_cfn_attr(cls, attr: str) -> bool:  # noqa: ARG003 - moto's interface; the resource has no attributes
        return False

    @classmethod
    def create_from_cloudformation_json(
        cls, resource_name: str, cloudformation_json: Any, account_id: str, region_name: str, **_: Any
    ) -> "LambdaEventInvokeConfig":
        properties = cloudformation_json["Properties"]
        config: dict[str, Any] = {name: int(properties[name]) for name in NUMBERS if name in properties}
        if "DestinationConfig" in properties:
            config["DestinationConfig"] = properties["DestinationConfig"]
        lambda_backends[account_id][region_name].put_function_event_invoke_config(resource_name, config)
        return cls(resource_name)

    @classmethod
    def update_from_cloudformation_json(
        cls,
        original_resource: Any,
        new_resource_name: str,
        cloudformation_json: Any,
        account_id: str,
        region_name: str,
    ) -> "LambdaEventInvokeConfig":
        old_name = original_resource.physical_resource_id
        updated = cls.create_from_cloudformation_json(new_resource_name, cloudformation_json, account_id, region_name)
        if new_resource_name != old_name:
            cls.delete_from_cloudformation_json(old_name, cloudformation_json, account_id, region_name)
        return updated

    @classmethod
    def delete_from_cloudformation_json(cls, resource_name: str, _: Any, account_id: str, region_name: str) -> None:
        try:
            function = lambda_backends[account_id][region_name].get_function(resource_name)
        except UnknownFunctionException:
            return
        function.event_invoke_config = []


def fill() -> None:
    """Make the type known."""
    for known in (parsing.get_model_list, parsing.get_model_map, parsing.get_name_type_map):
        known.cache_clear()

"""CloudFormation makes `AWS::Lambda::EventInvokeConfig`.

AWS: CloudFormation template reference, aws-resource-lambda-eventinvokeconfig.html. It says how often Lambda retries an
asynchronous event, and where an event goes after the last failure; `FunctionName` and `Qualifier` replace, anything
else updates in place. Its deletion succeeds even if its function is deleted already.
moto 5.2.5 has these settings, but not for CloudFormation.
"""

from typing import Any

from moto.awslambda.exceptions import UnknownFunctionException
from moto.awslambda.models import lambda_backends

from localcloud.gaps.cloudformation.resource import RESOURCES, Place, Properties, Resource
from localcloud.gaps.patching import Gap

NUMBERS = ("MaximumRetryAttempts", "MaximumEventAgeInSeconds")

gap = Gap()


class LambdaEventInvokeConfig(Resource):
    """The settings of one function's asynchronous events; `Ref` is the function's name."""

    kind = "AWS::Lambda::EventInvokeConfig"
    name_property = "FunctionName"

    @classmethod
    def create(cls, name: str, properties: Properties, place: Place) -> None:
        config: dict[str, Any] = {number: int(properties[number]) for number in NUMBERS if number in properties}
        if "DestinationConfig" in properties:
            config["DestinationConfig"] = properties["DestinationConfig"]
        place.regional(lambda_backends).put_function_event_invoke_config(name, config)

    @classmethod
    def remove(cls, physical_id: str, place: Place) -> None:
        try:
            function = place.regional(lambda_backends).get_function(physical_id)
        except UnknownFunctionException:
            return
        function.event_invoke_config = []


gap.sets(RESOURCES, LambdaEventInvokeConfig.kind, LambdaEventInvokeConfig)

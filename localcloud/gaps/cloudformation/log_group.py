"""CloudFormation updates log groups in place.

AWS: CloudFormation template reference, aws-resource-logs-loggroup.html. `RetentionInDays` and tags change without
interruption, only another name replaces; GetAtt `Arn` ends in `:*`.
moto 5.2.5 cannot update one, and its `Arn` has no `:*`.
"""

from typing import Any, ClassVar

from moto.logs.models import LogGroup as MotoLogGroup
from moto.logs.models import logs_backends

from localcloud.gaps.cloudformation.resource import RESOURCES, Attributes, Place, Properties, Resource
from localcloud.gaps.patching import Gap

gap = Gap()


class LogGroup(Resource):
    """A log group of CloudWatch Logs."""

    kind = "AWS::Logs::LogGroup"
    name_property = "LogGroupName"
    extends = MotoLogGroup
    attributes: ClassVar[Attributes] = {"Arn": lambda group: f"{group.arn}:*"}

    def update(self, properties: Properties, place: Place) -> Any:  # noqa: ARG002 - the log group is at hand
        days = properties.get("RetentionInDays")
        self.model.retention_in_days = None if days is None else int(days)
        return self.model

    @classmethod
    def remove(cls, physical_id: str, place: Place) -> None:
        place.regional(logs_backends).delete_log_group(physical_id)


gap.sets(RESOURCES, LogGroup.kind, LogGroup)

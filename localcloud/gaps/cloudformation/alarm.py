"""CloudFormation makes `AWS::CloudWatch::Alarm`.

AWS: CloudFormation user guide, aws-resource-cloudwatch-alarm.html. `Ref` is the name, GetAtt gives `Arn`; only another
name replaces.
moto 5.2.5 has alarms, but not for CloudFormation.
"""

from typing import Any

import moto.cloudformation.parsing as parsing
from moto.cloudwatch.models import cloudwatch_backends
from moto.core.common_models import CloudFormationModel


class AlarmResource(CloudFormationModel):  # type: ignore[misc]  # moto is untyped here
    """The resource; `alarm` is moto's own."""

    def __init__(self, alarm: Any) -> None:
        self.alarm = alarm

    @property
    def physical_resource_id(self) -> str:
        return str(self.alarm.name)

    @staticmethod
    def cloudformation_name_type() -> str:
        return "AlarmName"

    @staticmethod
    def cloudformation_type() -> str:
        return "AWS::CloudWatch::Alarm"

    @classmethod
    def has_cfn_attr(cls, attr: str) -> bool:
        return attr == "Arn"

    def get_cfn_attribute(self, attribute_name: str) -> str:
        return {"Arn": str(self.alarm.alarm_arn)}[attribute_name]

    @classmethod
    def create_from_cloudformation_json(
        cls, resource_name: str, cloudformation_json: Any, account_id: str, region_name: str, **_: Any
    ) -> "AlarmResource":
        properties = cloudformation_json["Properties"]
        alarm = cloudwatch_backends[account_id][region_name].put_metric_alarm(
            name=resource_name,
            description=properties.get("AlarmDescription", ""),
            namespace=properties["Namespace"],
            metric_name=properties["MetricName"],
            dimensions=properties.get("Dimensions", []),
            statistic=properties.get("Statistic"),
            extended_statistic=properties.get("ExtendedStatistic"),
            period=int(properties["Period"]),
            evaluation_periods=int(properties["EvaluationPeriods"]),
            datapoints_to_alarm=properties.get("DatapointsToAlarm"),
            threshold=float(properties["Threshold"]),
            comparison_operator=properties["ComparisonOperator"],
            treat_missing_data=properties.get("TreatMissingData"),
            alarm_actions=properties.get("AlarmActions", []),
            ok_actions=properties.get("OKActions", []),
            insufficient_data_actions=properties.get("InsufficientDataActions", []),
        )
        return cls(alarm)

    @classmethod
    def update_from_cloudformation_json(
        cls,
        original_resource: Any,
        new_resource_name: str,
        cloudformation_json: Any,
        account_id: str,
        region_name: str,
    ) -> "AlarmResource":
        old_name = original_resource.physical_resource_id
        new_name = new_resource_name if "AlarmName" in cloudformation_json["Properties"] else old_name
        if new_name != old_name:
            cls.delete_from_cloudformation_json(old_name, cloudformation_json, account_id, region_name)
        return cls.create_from_cloudformation_json(new_name, cloudformation_json, account_id, region_name)

    @classmethod
    def delete_from_cloudformation_json(cls, resource_name: str, _: Any, account_id: str, region_name: str) -> None:
        cloudwatch_backends[account_id][region_name].delete_alarms([resource_name])


def fill() -> None:
    """Make the type known."""
    for known in (parsing.get_model_list, parsing.get_model_map, parsing.get_name_type_map):
        known.cache_clear()

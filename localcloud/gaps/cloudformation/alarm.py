"""CloudFormation makes `AWS::CloudWatch::Alarm`.

AWS: CloudFormation template reference, aws-resource-cloudwatch-alarm.html. `Ref` is the name, GetAtt gives `Arn`; only
another name replaces.
moto 5.2.5 has alarms, but not for CloudFormation.
"""

from typing import Any, ClassVar

from moto.cloudwatch.models import cloudwatch_backends

from localcloud.gaps.cloudformation.resource import RESOURCES, Attributes, Place, Properties, Resource
from localcloud.gaps.patching import Gap

gap = Gap()


class Alarm(Resource):
    """A CloudWatch alarm; PutMetricAlarm makes it, and changes it."""

    kind = "AWS::CloudWatch::Alarm"
    name_property = "AlarmName"
    attributes: ClassVar[Attributes] = {"Arn": lambda alarm: alarm.alarm_arn}

    @classmethod
    def create(cls, name: str, properties: Properties, place: Place) -> Any:
        return place.regional(cloudwatch_backends).put_metric_alarm(
            name=name,
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

    @classmethod
    def remove(cls, physical_id: str, place: Place) -> None:
        place.regional(cloudwatch_backends).delete_alarms([physical_id])


gap.sets(RESOURCES, Alarm.kind, Alarm)

"""CloudFormation makes `AWS::Logs::MetricFilter`.

AWS: CloudFormation template reference, aws-resource-logs-metricfilter.html. `Ref` is the filter's name; another name or
log group replaces it. The log group must exist (API PutMetricFilter).
moto 5.2.5 has metric filters, but not for CloudFormation, and takes one for a log group that does not exist.
"""

from typing import Any

from moto.logs.exceptions import ResourceNotFoundException
from moto.logs.models import logs_backends

from localcloud.gaps.cloudformation.resource import RESOURCES, Place, Properties, Resource
from localcloud.gaps.patching import Gap

gap = Gap()


class MetricFilter(Resource):
    """A filter that makes metrics of a log group's lines; PutMetricFilter makes it, and changes it."""

    kind = "AWS::Logs::MetricFilter"
    name_property = "FilterName"

    @classmethod
    def create(cls, name: str, properties: Properties, place: Place) -> Any:
        logs, group = place.regional(logs_backends), properties["LogGroupName"]
        if group not in logs.groups:
            raise ResourceNotFoundException
        logs.filters.delete_filter(name, group)  # moto would keep both
        transformations = [
            {key[0].lower() + key[1:]: value for key, value in one.items()}
            for one in properties["MetricTransformations"]
        ]
        return logs.put_metric_filter(name, properties["FilterPattern"], group, transformations)

    @classmethod
    def remove(cls, physical_id: str, place: Place) -> None:
        filters = place.regional(logs_backends).filters
        for one in filters.get_matching_filters(prefix=physical_id):
            if one["filterName"] == physical_id:
                filters.delete_filter(physical_id, one["logGroupName"])


gap.sets(RESOURCES, MetricFilter.kind, MetricFilter)

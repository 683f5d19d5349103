"""CloudFormation configures buckets, and makes `AWS::S3::BucketPolicy`.

AWS: CloudFormation template reference, aws-resource-s3-bucket.html and aws-resource-s3-bucketpolicy.html. A bucket that
holds objects cannot be deleted.
moto 5.2.5 reads a bucket's encryption and tags, nothing else (no versioning, public access block, ownership or
lifecycle), silently keeps a bucket that is not empty, and has no type for its policy.
"""

import json
from typing import Any

from moto.cloudformation.exceptions import ValidationError
from moto.s3.models import FakeBucket, s3_backends

from localcloud.gaps.cloudformation.resource import RESOURCES, Place, Properties, Resource
from localcloud.gaps.patching import Gap

gap = Gap()


class Bucket(Resource):
    """A bucket and its settings."""

    kind = "AWS::S3::Bucket"
    name_property = "BucketName"
    extends = FakeBucket

    @classmethod
    def create(cls, name: str, properties: Properties, place: Place) -> Any:
        bucket = super().create(name, properties, place)
        _configure(place.partitioned(s3_backends), name, properties)
        return bucket

    def update(self, properties: Properties, place: Place) -> Any:
        # moto looks for the name in the properties, even if it was generated.
        template = {"Properties": {**properties, "BucketName": self.name}}
        bucket = FakeBucket.update_from_cloudformation_json(self.model, self.name, template, *place)
        _configure(place.partitioned(s3_backends), self.name, properties)
        return bucket

    @classmethod
    def remove(cls, physical_id: str, place: Place) -> None:
        if place.partitioned(s3_backends).delete_bucket(physical_id) is None:
            raise ValidationError(message=f"The bucket {physical_id} you tried to delete is not empty")


class BucketPolicy(Resource):
    """A bucket's policy as a resource of its own; `Ref` is the bucket's name."""

    kind = "AWS::S3::BucketPolicy"
    name_property = "Bucket"

    @classmethod
    def create(cls, name: str, properties: Properties, place: Place) -> None:
        policy = properties["PolicyDocument"]
        text = policy if isinstance(policy, str) else json.dumps(policy)
        place.partitioned(s3_backends).put_bucket_policy(name, text.encode())

    @classmethod
    def remove(cls, physical_id: str, place: Place) -> None:
        backend = place.partitioned(s3_backends)
        if physical_id in backend.buckets:
            backend.delete_bucket_policy(physical_id)


gap.sets(RESOURCES, Bucket.kind, Bucket)
gap.sets(RESOURCES, BucketPolicy.kind, BucketPolicy)


def _configure(backend: Any, name: str, properties: Properties) -> None:
    if versioning := properties.get("VersioningConfiguration"):
        backend.put_bucket_versioning(name, versioning["Status"])
    if block := properties.get("PublicAccessBlockConfiguration"):
        backend.put_public_access_block(name, {key: str(value).lower() for key, value in block.items()})
    if ownership := properties.get("OwnershipControls"):
        backend.put_bucket_ownership_controls(name, ownership["Rules"][0]["ObjectOwnership"])
    rules = properties.get("LifecycleConfiguration", {}).get("Rules")
    if rules:
        backend.put_bucket_lifecycle_configuration(name, [_lifecycle_rule(rule) for rule in rules])
    else:
        backend.delete_bucket_lifecycle(name)


def _lifecycle_rule(rule: dict[str, Any]) -> dict[str, Any]:
    """Translate CloudFormation's names into those of the S3 API, which moto keeps."""
    api: dict[str, Any] = {"Status": rule["Status"], "Filter": {"Prefix": rule.get("Prefix", "")}}
    if "Id" in rule:
        api["ID"] = rule["Id"]
    if "ExpirationInDays" in rule:
        api["Expiration"] = {"Days": str(rule["ExpirationInDays"])}
    if "NoncurrentVersionExpirationInDays" in rule:
        api["NoncurrentVersionExpiration"] = {"NoncurrentDays": rule["NoncurrentVersionExpirationInDays"]}
    same = ("AbortIncompleteMultipartUpload", "NoncurrentVersionExpiration")
    return api | {name: rule[name] for name in same if name in rule}

"""CloudFormation configures buckets, and makes `AWS::S3::BucketPolicy`.

AWS: CloudFormation user guide, aws-resource-s3-bucket.html and aws-resource-s3-bucketpolicy.html. A bucket that is
replaced survives under `UpdateReplacePolicy: Retain`; deleting one that holds objects fails.
moto 5.2.5 reads a bucket's encryption and tags, nothing else (no versioning, public access block, ownership or
lifecycle), deletes a replaced bucket whatever the policy says, keeps one that is not empty without a word, and has no
type for its policy.
"""

import json
from typing import Any

import moto.cloudformation.parsing as parsing
from moto.cloudformation.exceptions import ValidationError
from moto.core.common_models import CloudFormationModel
from moto.s3.models import FakeBucket, s3_backends
from moto.utilities.utils import get_partition

from localcloud.gaps.cloudformation.update import retains

_create_of_moto = FakeBucket.create_from_cloudformation_json.__func__
_update_of_moto = FakeBucket.update_from_cloudformation_json.__func__


class BucketPolicy(CloudFormationModel):  # type: ignore[misc]  # moto is untyped here
    """A bucket's policy as a resource of its own; `Ref` is the bucket's name."""

    def __init__(self, bucket: str) -> None:
        self.physical_resource_id = bucket

    @staticmethod
    def cloudformation_name_type() -> str:
        return "Bucket"

    @staticmethod
    def cloudformation_type() -> str:
        return "AWS::S3::BucketPolicy"

    @classmethod
    def has_cfn_attr(cls, attr: str) -> bool:  # noqa: ARG003 - moto's interface; the resource has no attributes
        return False

    @classmethod
    def create_from_cloudformation_json(
        cls, resource_name: str, cloudformation_json: Any, account_id: str, region_name: str, **_: Any
    ) -> "BucketPolicy":
        policy = cloudformation_json["Properties"]["PolicyDocument"]
        text = policy if isinstance(policy, str) else json.dumps(policy)
        _backend(account_id, region_name).put_bucket_policy(resource_name, text.encode())
        return cls(resource_name)

    @classmethod
    def update_from_cloudformation_json(
        cls,
        original_resource: Any,
        new_resource_name: str,
        cloudformation_json: Any,
        account_id: str,
        region_name: str,
    ) -> "BucketPolicy":
        if new_resource_name != original_resource.physical_resource_id:
            cls.delete_from_cloudformation_json(
                original_resource.physical_resource_id, cloudformation_json, account_id, region_name
            )
        return cls.create_from_cloudformation_json(new_resource_name, cloudformation_json, account_id, region_name)

    @classmethod
    def delete_from_cloudformation_json(cls, resource_name: str, _: Any, account_id: str, region_name: str) -> None:
        backend = _backend(account_id, region_name)
        if resource_name in backend.buckets:
            backend.delete_bucket_policy(resource_name)


def fill() -> None:
    """Extend moto's bucket."""
    FakeBucket.create_from_cloudformation_json = classmethod(_create)
    FakeBucket.update_from_cloudformation_json = classmethod(_update)
    FakeBucket.delete_from_cloudformation_json = classmethod(_delete)
    for known in (parsing.get_model_list, parsing.get_model_map, parsing.get_name_type_map):
        known.cache_clear()


def _create(
    cls: Any, /, resource_name: str, cloudformation_json: Any, account_id: str, region_name: str, **kwargs: Any
) -> Any:
    bucket = _create_of_moto(cls, resource_name, cloudformation_json, account_id, region_name, **kwargs)
    _configure(_backend(account_id, region_name), bucket.name, cloudformation_json["Properties"])
    return bucket


def _update(
    cls: Any,
    original_resource: Any,
    new_resource_name: str,
    cloudformation_json: Any,
    account_id: str,
    region_name: str,
) -> Any:
    properties = cloudformation_json["Properties"]
    if properties.get("BucketName", original_resource.name) != original_resource.name:
        bucket = _create(cls, new_resource_name, cloudformation_json, account_id, region_name)
        if not retains(cloudformation_json, "UpdateReplacePolicy"):
            _delete(cls, original_resource.name, cloudformation_json, account_id, region_name)
        return bucket
    properties["BucketName"] = original_resource.name  # moto looks for it there, even if the name was generated
    bucket = _update_of_moto(cls, original_resource, new_resource_name, cloudformation_json, account_id, region_name)
    _configure(_backend(account_id, region_name), bucket.name, properties)
    return bucket


def _delete(_cls: Any, resource_name: str, _json: Any, account_id: str, region_name: str) -> None:
    if _backend(account_id, region_name).delete_bucket(resource_name) is None:
        raise ValidationError(message=f"The bucket {resource_name} you tried to delete is not empty")


def _configure(backend: Any, name: str, properties: dict[str, Any]) -> None:
    if versioning := properties.get("VersioningConfiguration"):
        backend.put_bucket_versioning(name, versioning["Status"])
    if block := properties.get("PublicAccessBlockConfiguration"):
        backend.put_public_access_block(name, {key: _word(value) for key, value in block.items()})
    if ownership := properties.get("OwnershipControls"):
        rule = ownership["Rules"][0]
        backend.put_bucket_ownership_controls(name, rule["ObjectOwnership"])
    rules = properties.get("LifecycleConfiguration", {}).get("Rules")
    if rules:
        backend.put_bucket_lifecycle_configuration(name, [_lifecycle_rule(rule) for rule in rules])
    else:
        backend.delete_bucket_lifecycle(name)


def _lifecycle_rule(rule: dict[str, Any]) -> dict[str, Any]:
    """From CloudFormation's names to those of the S3 API, which moto keeps."""
    api: dict[str, Any] = {"Status": rule["Status"], "Filter": {"Prefix": rule.get("Prefix", "")}}
    if "Id" in rule:
        api["ID"] = rule["Id"]
    if "ExpirationInDays" in rule:
        api["Expiration"] = {"Days": str(rule["ExpirationInDays"])}
    if "AbortIncompleteMultipartUpload" in rule:
        api["AbortIncompleteMultipartUpload"] = rule["AbortIncompleteMultipartUpload"]
    if "NoncurrentVersionExpiration" in rule:
        api["NoncurrentVersionExpiration"] = rule["NoncurrentVersionExpiration"]
    elif "NoncurrentVersionExpirationInDays" in rule:
        api["NoncurrentVersionExpiration"] = {"NoncurrentDays": rule["NoncurrentVersionExpirationInDays"]}
    return api


def _word(value: Any) -> str:
    return str(value).lower()


def _backend(account_id: str, region_name: str) -> Any:
    return s3_backends[account_id][get_partition(region_name)]

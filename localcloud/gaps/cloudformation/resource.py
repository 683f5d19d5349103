"""CloudFormation makes, updates, replaces and deletes each type of resource in one way.

AWS: CloudFormation user guide, using-cfn-updating-stacks-update-behaviors.html. An update changes a resource in place
(same `Ref`), or replaces it: the new one is made first, then the old one is deleted, unless `UpdateReplacePolicy` keeps
it. Another name always replaces.
moto 5.2.5 leaves all of this to the class of each type, and most of its classes update little or nothing.
Here a type is a `Resource`: properties in, a call to moto's backend, attributes out. One that `extends` a class of
moto's keeps what that class can do.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, ClassVar, NamedTuple, Self

import moto.cloudformation.parsing as parsing
from moto.utilities.utils import get_partition

from localcloud.gaps.patching import Gap

Properties = dict[str, Any]
Attributes = dict[str, Callable[[Any], Any]]

gap = Gap()

RESOURCES: dict[str, type["Resource"]] = {}
"""Each type that CloudFormation makes by a class of ours; the gap of a type adds it here."""

KEEPING = ("Retain", "RetainExceptOnCreate")


class Place(NamedTuple):
    """Where a stack makes its resources."""

    account: str
    region: str

    def regional(self, backends: Any) -> Any:
        """Return moto's backend of a service that keeps its resources by region."""
        return backends[self.account][self.region]

    def partitioned(self, backends: Any) -> Any:
        """Return moto's backend of a service that is one for the whole partition, such as S3 or IAM."""
        return backends[self.account][get_partition(self.region)]


class Resource(ABC):
    """One resource of a stack. Subclasses say how its type is made, changed and deleted."""

    kind: ClassVar[str]
    """The type in a template, `AWS::S3::Bucket`."""
    name_property: ClassVar[str] = ""
    """The property that names the resource; a generated name serves where it is left out."""
    extends: ClassVar[Any] = None
    """moto's own class of this type, if it has one."""
    attributes: ClassVar[Attributes] = {}
    """What `Fn::GetAtt` gives, from moto's object. Those of the class that it `extends` are known as well."""

    def __init__(self, name: str, model: Any) -> None:
        self.name = name
        self.model = model

    @classmethod
    def create(cls, name: str, properties: Properties, place: Place) -> Any:
        """Make the resource and return moto's object for it; by default as the class of moto's that it `extends`."""
        return cls.extends.create_from_cloudformation_json(name, {"Properties": properties}, *place)

    @classmethod
    @abstractmethod
    def remove(cls, physical_id: str, place: Place) -> None:
        """Delete the resource with this `Ref`."""

    def update(self, properties: Properties, place: Place) -> Any:
        """Change the resource in place and return moto's object. By default the call that makes one also changes it."""
        return self.create(self.name, properties, place)

    def is_replaced_by(self, properties: Properties) -> bool:
        """Return whether these properties need a new resource."""
        return bool(properties.get(self.name_property, self.name) != self.name)

    # From here on moto's interface, `moto.core.common_models.CloudFormationModel`.

    @property
    def physical_resource_id(self) -> str:
        """What `Ref` gives."""
        return self.name

    def get_cfn_attribute(self, attribute_name: str) -> Any:
        """Return what `Fn::GetAtt` gives."""
        if attribute_name in self.attributes:
            return self.attributes[attribute_name](self.model)
        return self.model.get_cfn_attribute(attribute_name)

    def is_created(self) -> bool:
        """Return True: a call to moto's backend makes the resource before it returns."""
        return True

    @classmethod
    def has_cfn_attr(cls, attr: str) -> bool:
        """Return whether the type has this attribute."""
        return attr in cls.attributes or bool(cls.extends and cls.extends.has_cfn_attr(attr))

    @classmethod
    def cloudformation_type(cls) -> str:
        """Return the type in a template."""
        return cls.kind

    @classmethod
    def cloudformation_name_type(cls) -> str:
        """Return the property that names the resource."""
        return cls.name_property

    @classmethod
    def create_from_cloudformation_json(
        cls, resource_name: str, cloudformation_json: Any, account_id: str, region_name: str, **_: Any
    ) -> Self:
        """Make the resource, as moto asks for it."""
        place = Place(account_id, region_name)
        return cls(resource_name, cls.create(resource_name, cloudformation_json["Properties"], place))

    @classmethod
    def update_from_cloudformation_json(
        cls,
        original_resource: Self,
        new_resource_name: str,
        cloudformation_json: Any,
        account_id: str,
        region_name: str,
    ) -> Self:
        """Change the resource in place, or replace it."""
        old, place, properties = original_resource, Place(account_id, region_name), cloudformation_json["Properties"]
        if not old.is_replaced_by(properties):
            return cls(old.name, old.update(properties, place))
        new = cls(new_resource_name, cls.create(new_resource_name, properties, place))
        is_another = new.physical_resource_id != old.physical_resource_id
        if is_another and not retains(cloudformation_json, "UpdateReplacePolicy"):
            cls.remove(old.physical_resource_id, place)
        return new

    @classmethod
    def delete_from_cloudformation_json(cls, resource_name: str, _: Any, account_id: str, region_name: str) -> None:
        """Delete the resource with this `Ref`."""
        cls.remove(resource_name, Place(account_id, region_name))


def retains(resource_json: dict[str, Any], policy: str = "DeletionPolicy") -> bool:
    """Return whether a template's resource survives its deletion, or with `UpdateReplacePolicy` its replacement."""
    return resource_json.get(policy) in KEEPING


@gap.wraps(parsing, "get_model_list")
def _get_model_list(original: Callable[[], list[Any]]) -> list[Any]:
    return [*RESOURCES.values(), *(model for model in original() if model.cloudformation_type() not in RESOURCES)]

"""What moto's server keeps for ever.

AWS's own memory is not the caller's concern.
moto 5.2.5 keeps every object that it ever made (each DynamoDB value, each version of an S3 object, each copy that a
transaction takes of a table) in a list of its class, for the dashboard of its server, and never lets go of it.
Here those lists stay empty, and so does that dashboard; what is alive is in moto's backends.
"""

from typing import Any

from moto.core.common_models import BaseModel


def _new(cls: type, *_: Any, **__: Any) -> Any:
    return super(BaseModel, cls).__new__(cls)


def fill() -> None:
    """Have moto keep what its backends hold, and nothing else."""
    BaseModel.__new__ = _new

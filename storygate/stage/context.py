"""A stage of config.json and the AWS it lives in: the one object that every function of the tool is handed."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from storygate.stage.aws import Aws
from storygate.stage.config import Stage, load_stage


@dataclass(frozen=True)
class Context:
    """A stage and its AWS. Asking for `account`, `partition`, `who` or an ARN calls GetCallerIdentity, once."""

    project: Path
    stage: Stage
    aws: Aws

    def client(self, service: str) -> Any:
        """Return boto3's client of a service, such as `stepfunctions`: one for each service, safe in threads."""
        return self.aws.client(service)

    @property
    def region(self) -> str:
        """The region that the stage is deployed to."""
        return self.stage.region

    @property
    def account(self) -> str:
        """The caller's account, twelve digits."""
        return str(self._caller["Account"])

    @property
    def partition(self) -> str:
        """`aws`, `aws-cn` or `aws-us-gov`: the second part of every ARN."""
        return str(self._caller["Arn"]).split(":")[1]

    @property
    def who(self) -> str:
        """The caller for people and records: `user/ann`, `assumed-role/release/ann`."""
        return str(self._caller["Arn"]).rpartition(":")[2]

    @property
    def machine_arn(self) -> str:
        """The ARN of the stage's state machine, deployed or not."""
        return self.arn("states", f"stateMachine:{self.stage.state_machine}")

    def arn(self, service: str, resource: str) -> str:
        """Return the ARN of a resource in the stage's region and the caller's account."""
        return f"arn:{self.partition}:{service}:{self.region}:{self.account}:{resource}"

    @cached_property
    def _caller(self) -> Any:
        # GetCallerIdentity needs no permission (STS API reference).
        return self.client("sts").get_caller_identity()


def load_context(project: Path, stage_name: str, aws: Aws) -> Context:
    """Read a stage of the project's config.json; raises OperatorError as `load_stage` does."""
    return Context(project, load_stage(project, stage_name, aws.region), aws)

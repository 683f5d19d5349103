"""One client for each service, whoever asks; and whose account a stage is in."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

from storygate.stage.aws import Aws
from storygate.stage.config import Stage
from storygate.stage.context import Context, load_context
from tests.storygate.conftest import KEYS, REGION


class Sts:
    """STS for a caller in China; counts its calls."""

    asked = 0

    def get_caller_identity(self) -> dict[str, str]:
        self.asked += 1
        return {"Account": "123456789012", "Arn": "arn:aws-cn:sts::123456789012:assumed-role/release/ann"}


def test_threads_that_ask_for_a_service_get_one_client() -> None:
    made: list[str] = []

    def make(service: str) -> object:
        made.append(service)
        return object()

    aws = Aws(make, REGION, KEYS)
    with ThreadPoolExecutor(8) as pool:
        clients = set(pool.map(aws.client, ["s3"] * 50))
    assert len(clients) == 1
    assert made == ["s3"]
    assert replace(aws, environment={}).client("s3") not in clients


def test_a_context_knows_the_caller_and_asks_once(project: Path, stage: Stage) -> None:
    sts = Sts()
    clients: dict[str, Any] = {"sts": sts}
    context = Context(project, stage, Aws(clients.__getitem__, REGION, KEYS))
    assert (context.account, context.partition, context.who) == ("123456789012", "aws-cn", "assumed-role/release/ann")
    assert context.machine_arn == "arn:aws-cn:states:eu-west-1:123456789012:stateMachine:storygate-dev"
    assert context.arn("sqs", stage.queue) == "arn:aws-cn:sqs:eu-west-1:123456789012:storygate-dev-not-started"
    assert sts.asked == 1


def test_a_context_is_read_from_the_project_for_the_region_of_its_aws(project: Path, stage: Stage) -> None:
    context = load_context(project, "dev", Aws(lambda _: None, REGION, KEYS))
    assert (context.stage, context.region) == (stage, REGION)

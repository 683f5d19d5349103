"""A small chaos run; the long ones: `python -m benchmarks.chaos` (docs/performance.md)."""

from typing import Any

from benchmarks.chaos import play_on
from benchmarks.chaos_faults import Plan
from benchmarks.local_stage import LocalStage
from storygate.secret import read_field

EVENTS = 150


def test_every_input_has_one_right_outcome_whatever_aws_and_jira_do(local: Any) -> None:
    stage = local.deployment.stage
    account = local.cloud.client("sts").get_caller_identity()["Account"]
    machine = f"arn:aws:states:{stage.region}:{account}:stateMachine:{stage.state_machine}"
    secret = read_field(local.cloud.client("secretsmanager"), stage.secret, "callback")
    outcome = play_on(LocalStage(local.cloud, local.deployment, secret, machine), local.faults, 11, EVENTS)
    assert outcome.problems == [], outcome.line()
    assert outcome.events.total() >= EVENTS
    assert outcome.faults > EVENTS // 5
    assert outcome.seen["approved"]
    assert outcome.seen["rejected"]


def test_the_same_seed_plans_the_same_faults() -> None:
    calls = [("PutItem", f"C1-{story}", number) for story in range(100) for number in range(4)]
    first, again, other = ([plan.fault(*call) for call in calls] for plan in (Plan(1), Plan(1), Plan(2)))
    assert first == again
    assert first != other

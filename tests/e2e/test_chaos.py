"""A small chaos run; the long ones: `python -m benchmarks.chaos` (docs/measured.md)."""

import itertools
from typing import Any

from benchmarks.chaos import play_on
from benchmarks.chaos_faults import KINDS, MOST, RATE, Plan
from benchmarks.local_stage import LocalStage
from storygate.deployment.stage_secret import read_secret

EVENTS = 100


def test_every_input_has_one_right_outcome_whatever_aws_and_jira_do(local: Any) -> None:
    stage = local.deployment.stage
    account = local.cloud.client("sts").get_caller_identity()["Account"]
    machine = f"arn:aws:states:{stage.region}:{account}:stateMachine:{stage.state_machine}"
    values = read_secret(local.cloud.client("secretsmanager"), stage.secret).values
    outcome = play_on(LocalStage(local.cloud, local.deployment, values, machine), local.faults, 11, EVENTS)
    assert outcome.wrong() == [], outcome.line()
    assert outcome.events.total() >= EVENTS
    assert outcome.faults.total() > EVENTS // 5
    assert outcome.judgement.seen["approved"]
    assert outcome.judgement.seen["rejected"]
    assert outcome.versions


def test_the_same_seed_plans_the_same_faults() -> None:
    calls = [("PutItem", f"C1-{story}", number) for story in range(100) for number in range(4)]
    first, again, other = ([plan.fault(*call) for call in calls] for plan in (Plan(1), Plan(1), Plan(2)))
    assert first == again
    assert first != other


def test_no_operation_runs_out_of_faults_and_none_has_too_many_in_a_row() -> None:
    plan = Plan(1)
    for operation in KINDS:
        faults = [plan.fault(operation, "", number) is not None for number in range(2_000)]
        assert sum(faults[1_000:]) > RATE / 2 * 1_000, operation
        assert max(len(list(run)) for fault, run in itertools.groupby(faults) if fault) <= MOST, operation

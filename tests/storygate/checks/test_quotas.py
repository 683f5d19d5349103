"""`doctor` names the account's quota that the stage's own limits can reach."""

from pathlib import Path
from typing import Any

import pytest

from storygate.checks import Examination
from storygate.checks.quota_checks import quotas
from storygate.stage.aws import Aws
from storygate.stage.config import Stage
from tests.storygate.conftest import KEYS, REGION


def look(project: Path, stage: Stage, most: int, free: int) -> Any:
    class Functions:
        def get_account_settings(self) -> Any:
            return {"AccountLimit": {"ConcurrentExecutions": most, "UnreservedConcurrentExecutions": free}}

    return quotas.probe(Examination(project, stage, Aws({"lambda": Functions()}.__getitem__, REGION, KEYS)))


@pytest.mark.parametrize(
    ("most", "free", "status", "told"),
    [
        (1000, 1000, "ok", "1,000 functions at once, of which bursts of requests need 400"),
        (1000, 400, "ok", "400 functions"),
        (10, 10, "warn", "Lambda runs 10 functions at once in this account; the stage lets in bursts that need 400"),
        (1000, 390, "warn", "of which 610 are reserved"),
    ],
)
def test_a_burst_that_lambda_would_refuse_is_reported(
    project: Path, stage: Stage, most: int, free: int, status: str, told: str
) -> None:
    found = look(project, stage, most, free)
    assert (found.status, told in found.found) == (status, True), found.found
    assert ("L-B99A9384 --desired-value" in found.fix) is (status == "warn")

"""The REST API's settings: the callback's limits are its own, beside those of all other methods."""

from typing import Any

import pytest

from storygate.deployment.gateway import CALLBACK, EVERY_METHOD, Limit, Settings, wanted_limits
from storygate.stage.config import Stage


def limited(rate: float, burst: int) -> dict[str, Any]:
    return {"throttlingRateLimit": rate, "throttlingBurstLimit": burst, "metricsEnabled": False}


@pytest.mark.parametrize("key", ["~1jira~1callback/POST", "jira/callback/POST"])
def test_a_methods_limits_are_read_however_its_path_is_written(key: str) -> None:
    described = {"methodSettings": {"*/*": limited(25.0, 50), key: limited(50.0, 100), "~1other/GET": limited(1.0, 1)}}
    assert Settings.of(described).limits == {EVERY_METHOD: Limit(25, 50), CALLBACK: Limit(50, 100)}


def test_no_settings_are_no_limits() -> None:
    assert Settings.of({}) == Settings()


def test_the_mocks_have_less_than_the_callback_and_none_of_it(stage: Stage) -> None:
    limits = wanted_limits(stage)
    assert limits[EVERY_METHOD] < limits[CALLBACK]

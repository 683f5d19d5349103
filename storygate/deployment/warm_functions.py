"""End what Lambda and API Gateway keep in memory of a stage's secret: warm functions, and authorizers' answers."""

from datetime import UTC, datetime
from typing import Any

from storygate.deployment.functions import rest_api_id
from storygate.stage.context import Context
from storygate.support.errors import OperatorError
from storygate.support.patience import Patience
from storygate.support.times import iso

MARK = "STORYGATE_SECRET_REVOKED"
"""A variable that only makes a function's configuration another one. The next deploy removes it."""
PATIENCE = 120.0  # seconds for Lambda to use the new configuration; usual is a few


def forget_secret(context: Context, *, patience: float = PATIENCE) -> None:
    """Replace each execution environment of the functions that read the secret, and flush the authorizers' cache.

    Returns when every event goes to an environment that was started after this call. A changed variable guarantees
    that, because a variable is set when an environment starts; UpdateFunctionConfiguration is done when
    `LastUpdateStatus` is Successful (Lambda API reference). Requests go on meanwhile. Raises OperatorError if that
    takes longer than `patience`, in seconds.
    """
    client, stage = context.client("lambda"), context.stage
    names = (stage.api_function, stage.authorizer)
    for name in names:
        variables = _updated(client, name, patience).get("Environment", {}).get("Variables", {})
        client.update_function_configuration(
            FunctionName=name, Environment={"Variables": {**variables, MARK: iso(datetime.now(UTC))}}
        )
    for name in names:
        _updated(client, name, patience)
    if api := rest_api_id(context):
        context.client("apigateway").flush_stage_authorizers_cache(restApiId=api, stageName=stage.api_gateway_stage)


def _updated(client: Any, name: str, seconds: float) -> Any:
    """Return a function's configuration once no update is in progress."""
    patience = Patience(seconds)
    while (found := client.get_function_configuration(FunctionName=name)).get("LastUpdateStatus") == "InProgress":
        if not patience.pause():
            raise OperatorError(
                f"Function {name} is still being updated after {seconds:g} s.", "Run this again when it is done."
            )
    if found.get("LastUpdateStatus") == "Failed":
        raise OperatorError(
            f"The update of function {name} failed: {found.get('LastUpdateStatusReason', 'no reason given')}.",
            "Fix that and run this again.",
        )
    return found

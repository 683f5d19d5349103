"""The EventBridge connections by which the state machine calls the APIs."""

from chalicelib.apis import APIS
from storygate.stage.config import Stage
from storygate.stage.context import Context
from storygate.support.errors import OperatorError
from storygate.support.patience import Patience

AUTHORIZED = "AUTHORIZED"
PATIENCE = 120.0  # seconds for EventBridge to authorize a connection; usual is one or two


def url_parameter(api: str) -> str:
    """Return the parameter of workflow.yaml that holds an API's URL: `ValidationUrl`."""
    return f"{api.capitalize()}Url"


def connection_parameter(api: str) -> str:
    """Return the parameter of workflow.yaml that names your own connection to an API: `ValidationConnectionArn`."""
    return f"{api.capitalize()}ConnectionArn"


def stack_connection(stage: Stage, api: str) -> str:
    """Return the name of the connection that the workflow stack makes for an API's mock."""
    return f"{stage.state_machine}-{api}"


def await_connections(context: Context) -> None:
    """Wait until EventBridge has authorized the stack's connections; before that every HTTP Task fails.

    Raises OperatorError after two minutes.
    """
    events, stage = context.client("events"), context.stage
    patience = Patience(PATIENCE)
    while True:
        # The API takes a name's beginning, which another stage's name may share: `gate` and `gate-validation-2`.
        named = events.list_connections(NamePrefix=f"{stage.state_machine}-", Limit=100)["Connections"]
        own = {stack_connection(stage, api) for api in APIS}
        states = {entry["Name"]: entry["ConnectionState"] for entry in named if entry["Name"] in own}
        waiting = {name: state for name, state in states.items() if state != AUTHORIZED}
        if not waiting:
            return
        if not patience.pause():
            name, state = next(iter(waiting.items()))
            raise OperatorError(
                f"Connection {name} is {state} and not {AUTHORIZED} after {PATIENCE:g} s.",
                f"Read the reason with `aws events describe-connection --name {name}`, fix it, and run this again.",
            )

"""The three APIs as a stage's state machine calls them: their URLs and credentials."""

import base64
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from chalicelib.apis import ACTIONS, APIS
from storygate.deployment.connections import stack_connection
from storygate.stage.config import Stage
from storygate.stage.context import Context
from storygate.stage.definition import apis_of, call_state
from storygate.support.errors import OperatorError, error_code
from storygate.support.terminal import Terminal


@dataclass(frozen=True)
class CalledApi:
    """One API. `mock` is the API whose mock's token its connection holds: a connection of the stack's own."""

    name: str
    url: str
    connection: str
    mock: str | None

    @property
    def is_mock(self) -> bool:
        """Whether it is called with a mock's token."""
        return self.mock is not None

    @property
    def action(self) -> str:
        """The `action` in its request (README, "What the APIs get")."""
        return ACTIONS.get(self.name, self.name)


class Untestable(Exception):
    """An API's credentials cannot be read. The text says why, and holds no secret."""


def read_apis(context: Context) -> list[CalledApi]:
    """Return the APIs in the deployed definition, which is what runs really call.

    Raises OperatorError if the stage is not deployed.
    """
    stepfunctions, machine, stage = context.client("stepfunctions"), context.machine_arn, context.stage
    try:
        definition = json.loads(stepfunctions.describe_state_machine(stateMachineArn=machine)["definition"])
    except stepfunctions.exceptions.StateMachineDoesNotExist as error:
        raise stage.not_deployed(f"there is no {machine}") from error
    arguments = {name: state["Arguments"] for name, state in _states(definition) if "http:invoke" in state["Resource"]}
    return [_api(stage, name, arguments[call_state(name)]) for name in apis_of(definition)]


def credentials(api: CalledApi, mock_token: str, events: Any, secretsmanager: Any) -> dict[str, str]:
    """Return the headers with an API's credentials: the mock's bearer token, or those in the connection's own secret.

    EventBridge keeps a connection's credentials in a secret it manages (EventBridge user guide, "Connections"), which
    few operators may read. Raises Untestable if it cannot be read, and for OAuth, whose token only EventBridge fetches.
    """
    if api.is_mock:
        return {"Authorization": f"Bearer {mock_token}"}
    name = api.connection.partition(":connection/")[2].partition("/")[0]
    try:
        described = events.describe_connection(Name=name)
        kind = described["AuthorizationType"]
        if kind not in {"API_KEY", "BASIC"}:
            raise Untestable(f"connection {name} is of type {kind}, whose token only EventBridge fetches")
        secret = json.loads(secretsmanager.get_secret_value(SecretId=described["SecretArn"])["SecretString"])
    except ClientError as error:
        raise Untestable(f"connection {name} or its secret cannot be read: {error_code(error)}") from error
    except ValueError:
        raise Untestable(f"the secret of connection {name} is not JSON") from None  # the parser would quote it
    return _headers(kind, secret, name)


def confirm_real_calls(stage: Stage, apis: list[CalledApi], what: str, terminal: Terminal) -> None:
    """Ask the operator to type the stage's name before real APIs are called. Does not ask about mocks.

    `what` names the caller: `each of the two runs`. Raises OperatorError for another answer, and where nobody can be
    asked: without a terminal.
    """
    real = [api for api in apis if not api.is_mock]
    if not real:
        return
    if not terminal.interactive:
        raise OperatorError(
            f"{what.capitalize()} would really call {', '.join(api.url for api in real)}; nothing was called.",
            "If that is right, add --yes.",
        )
    for api in real:
        terminal.warn(f"{what} really calls {api.url}, action {api.action}")
    terminal.confirm(stage.name, "nothing was called")


def _states(definition: Any) -> Iterator[tuple[str, Any]]:
    """All Task states, also those in parallel branches."""
    for name, state in definition["States"].items():
        if state["Type"] == "Task":
            yield name, state
        for branch in state.get("Branches", []):
            yield from _states(branch)


def _api(stage: Stage, name: str, arguments: Any) -> CalledApi:
    connection = arguments["InvocationConfig"]["ConnectionArn"]
    mock = next((api for api in APIS if f":connection/{stack_connection(stage, api)}/" in connection), None)
    return CalledApi(name, arguments["ApiEndpoint"], connection, mock)


def _headers(kind: str, secret: Any, name: str) -> dict[str, str]:
    # EventBridge does not document the names of the secret's fields: both api_key_name and ApiKeyName were seen.
    field = {key.replace("_", "").lower(): value for key, value in secret.items()}
    extra = field.get("invocationhttpparameters") or {}
    if set(extra) - {"header_parameters"}:
        raise Untestable(f"connection {name} adds to the query or the body, which this test cannot do")
    try:
        more = {parameter["key"]: parameter["value"] for parameter in extra.get("header_parameters", [])}
        if kind == "API_KEY":
            return more | {field["apikeyname"]: field["apikeyvalue"]}
        pair = f"{field['username']}:{field['password']}"
    except KeyError as error:
        raise Untestable(f"the secret of connection {name} has no {error}") from None
    return more | {"Authorization": "Basic " + base64.b64encode(pair.encode()).decode()}

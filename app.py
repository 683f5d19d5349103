"""Handlers in the order of the workflow: the S3 drop, the mock APIs and their authorizer, the callback, the sweep."""

import os
from functools import cache, partial
from typing import TYPE_CHECKING, Any

from chalice import AuthResponse, Chalice, Rate, Response
from chalice.app import AuthRequest, CloudWatchEvent, CORSConfig

from chalicelib import callback, clients, drop, mock_apis, settings, tokens
from chalicelib.rules import Rules
from chalicelib.run_status import count, ended_by
from chalicelib.secret import Secret
from chalicelib.sweep_event import SweepEvent, hand_over
from chalicelib.verdicts import VerdictTable

if TYPE_CHECKING:
    from chalicelib.stage_jira import StageJira

app = Chalice(app_name="storygate")
BUCKET = settings.required("STORYGATE_BUCKET")
TABLE = settings.required("STORYGATE_TABLE")
SECRET = settings.required("STORYGATE_SECRET")
GRACE_HOURS = settings.grace_hours()
STATE_MACHINE = settings.required("STORYGATE_STATE_MACHINE")
RULES = Rules.from_environment()
CLIENTS = {  # the AWS clients that each function uses in the usual case
    "app.app": ("secretsmanager", "dynamodb", "stepfunctions"),
    "app.api_token_authorizer": ("secretsmanager",),
    "app.start_execution": ("stepfunctions",),
    "app.sweep": ("dynamodb", "stepfunctions"),
    "app.run_status": ("s3",),
}
MOCK_CORS = CORSConfig(allow_headers=["Idempotency-Key", "X-Attempt"])


@app.on_s3_event(bucket=BUCKET, events=["s3:ObjectCreated:*"], prefix=drop.PREFIX, suffix=drop.SUFFIX)
def start_execution(event: drop.DropEvent) -> list[str]:
    """Start a run for each input that was dropped."""
    return drop.start_all(event, STATE_MACHINE, clients.Client("stepfunctions"))


start_execution.event_class = drop.DropEvent  # accepts several records, or an event without any


@app.authorizer(ttl_seconds=0)
def api_token_authorizer(request: AuthRequest) -> AuthResponse:
    """Let each API's own token call that API's mock and nothing else. API Gateway asks for every request."""
    return tokens.authorize(request, secret())


@app.route("/mock/validation", methods=["POST"], authorizer=api_token_authorizer, cors=MOCK_CORS)
def mock_validation() -> Response:
    """Stand in for the validation API."""
    return mock("validation")


@app.route("/mock/deployment", methods=["POST"], authorizer=api_token_authorizer, cors=MOCK_CORS)
def mock_deployment() -> Response:
    """Stand in for the deployment API."""
    return mock("deployment")


@app.route("/mock/notification", methods=["POST"], authorizer=api_token_authorizer, cors=MOCK_CORS)
def mock_notification() -> Response:
    """Stand in for the notification API."""
    return mock("notification")


@app.route("/jira/callback", methods=["POST"], content_types=["*/*"])
def jira_callback() -> Response:
    """Take a decision about a story from Jira, or from another sender that knows one of its two secrets."""
    request = app.current_request
    status, body = callback.handle(request, secret(), verdict_table(), RULES, clients.call_times)
    return Response(body, status_code=status)


@app.schedule(Rate(5, unit=Rate.MINUTES))
def sweep(event: SweepEvent) -> dict[str, Any]:
    """Give waiting runs the verdict that stands, if a callback crashed or had no time for all; then ask Jira."""
    from chalicelib.sweep import run_sweep  # loaded here, because the other functions need nothing of it

    jira = stage_jira()
    ask = jira.ask if jira.is_known else None
    return run_sweep(event, clients.Client("dynamodb"), TABLE, clients.Client("stepfunctions"), STATE_MACHINE, ask)


sweep.event_class = SweepEvent  # accepts an event that is not the schedule's, too


@app.on_cw_event(ended_by(STATE_MACHINE))
def run_status(event: CloudWatchEvent) -> None:
    """Count how a run ended, and tell Jira."""
    count(event.detail, STATE_MACHINE)
    jira = stage_jira()
    if jira.is_known:
        jira.tell(event.detail)


def mock(api: str) -> Response:
    """Answer the current request as this mock API."""
    status, body = mock_apis.handle(api, app.current_request)
    return Response(body, status_code=status)


@cache
def secret() -> Secret:
    """The secret; Lambda keeps this object while the function is warm."""
    return Secret(clients.Client("secretsmanager"), SECRET, GRACE_HOURS)


@cache
def verdict_table() -> VerdictTable:
    """The decision table, with the client that resumes the runs in it."""
    dynamodb, stepfunctions = clients.Client("dynamodb"), clients.Client("stepfunctions")
    return VerdictTable(dynamodb, TABLE, stepfunctions, hand_over=partial(hand_over, clients.Client("lambda")))


@cache
def stage_jira() -> "StageJira":
    """The stage's Jira. Loaded here, because the callback needs nothing of it."""
    from chalicelib.stage_jira import Clients, StageJira

    made = Clients(*map(clients.Client, ("secretsmanager", "dynamodb", "s3", "stepfunctions")))
    return StageJira(os.environ, made, RULES, f"{SECRET}-jira", TABLE, BUCKET)


clients.prepare(CLIENTS)

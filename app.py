"""What wakes storygate, in the order of its workflow: the S3 drop, the three mock APIs, the callback."""

from functools import cache

from chalice import AuthResponse, Chalice, Response
from chalice.app import AuthRequest, AuthRoute, CORSConfig

from chalicelib import aws, callback, drop, jira, mock_apis, settings, tokens
from chalicelib.secret import Secret
from chalicelib.verdicts import VerdictTable

app = Chalice(app_name="storygate")
BUCKET = settings.required("STORYGATE_BUCKET")
TABLE = settings.required("STORYGATE_TABLE")
SECRET = settings.required("STORYGATE_SECRET")
STATE_MACHINE = settings.required("STORYGATE_STATE_MACHINE")
RULES = jira.Rules.from_environment()
CLIENTS = {  # what each function needs on its usual way
    "app.app": ("secretsmanager", "dynamodb", "stepfunctions"),
    "app.api_token_authorizer": ("secretsmanager",),
    "app.start_execution": ("stepfunctions",),
}
MOCK_CORS = CORSConfig(allow_headers=["Idempotency-Key", "X-Attempt"])


@app.on_s3_event(bucket=BUCKET, events=["s3:ObjectCreated:*"], prefix="inputs/", suffix=".json")
def start_execution(event: drop.DropEvent) -> list[str]:
    """An input was dropped."""
    return drop.start_all(event, STATE_MACHINE, aws.Client("stepfunctions"))


start_execution.event_class = drop.DropEvent  # all records, and none


@app.authorizer()
def api_token_authorizer(request: AuthRequest) -> AuthResponse:
    """Lets each API's own token reach that API alone. The answer is cached by token, so it names all it may reach."""
    api = tokens.authorized(request, secret())
    return AuthResponse(routes=[AuthRoute(f"/mock/{api}", ["POST"])] if api else [], principal_id=api or "nobody")


@app.route("/mock/validation", methods=["POST"], authorizer=api_token_authorizer, cors=MOCK_CORS)
def mock_validation() -> Response:
    """Stands in for the validation API."""
    return mock("validation")


@app.route("/mock/deployment", methods=["POST"], authorizer=api_token_authorizer, cors=MOCK_CORS)
def mock_deployment() -> Response:
    """Stands in for the deployment API."""
    return mock("deployment")


@app.route("/mock/notification", methods=["POST"], authorizer=api_token_authorizer, cors=MOCK_CORS)
def mock_notification() -> Response:
    """Stands in for the notification API."""
    return mock("notification")


@app.route("/jira/callback", methods=["POST"], content_types=["*/*"])
def jira_callback() -> Response:
    """Jira, or somebody who knows the callback secret, says what became of a story."""
    request = app.current_request
    status, body = callback.handle(request, secret(), verdict_table(), RULES, aws.call_times)
    return Response(body, status_code=status)


def mock(api: str) -> Response:
    """The answer of one mock API to the current request."""
    status, body = mock_apis.handle(api, app.current_request)
    return Response(body, status_code=status)


@cache
def secret() -> Secret:
    """The secret, read once per warm function and kept for minutes."""
    return Secret(aws.Client("secretsmanager"), SECRET)


@cache
def verdict_table() -> VerdictTable:
    """The decision table and what resumes the runs in it."""
    return VerdictTable(aws.Client("dynamodb"), TABLE, aws.Client("stepfunctions"))


aws.prepare(CLIENTS)

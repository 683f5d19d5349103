"""The resources that Chalice makes of app.py: the Lambda functions, the REST API and the S3 trigger.

Chalice remembers what it made in `.chalice/deployed/<stage>.json`. No other checkout has that file, and an interrupted
run leaves it wrong: without it a deploy makes a second REST API with another callback URL, and a delete deletes
nothing. So the file is only a cache of what AWS has, and is corrected from AWS before Chalice runs.
"""

import json
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from storygate.stage.context import Context
from storygate.support.errors import OperatorError
from storygate.support.terminal import Terminal

PATIENCE = 900.0  # seconds for one run of chalice; a first deploy to AWS takes about one minute
# Chalice has no `python -m` form; this is what its console script does, under the Python we run on. Its process is
# short, so collecting garbage gains nothing, not at its end either.
_CHALICE = """
import atexit, gc, sys
gc.disable()
atexit.register(gc.freeze)
from chalice.cli import main
sys.argv[0] = "chalice"
sys.exit(main())
"""
CHALICE = [sys.executable, "-c", _CHALICE]
COMPARED = ("CodeSha256", "Environment", "Handler", "MemorySize", "Role", "Runtime", "Timeout")


def deploy_functions(context: Context, terminal: Terminal) -> bool:
    """Run `chalice deploy`; return whether a function changed. Raises OperatorError if Chalice fails."""
    before = _fingerprints(context)
    api = rest_api_id(context)
    if _recorded_api(context) != api:
        forget_record(context)
        if api:
            terminal.detail(f"REST API {api}: found in AWS, its record in .chalice/deployed was missing or out of date")
            _write_record(context, [_api_entry(context, api)])
    run_chalice(context, ["deploy", "--stage", context.stage.name], terminal)
    changed = _fingerprints(context) != before
    if changed:
        terminal.done("functions and REST API: deployed")
    else:
        terminal.detail("functions: same code and settings as before")
    return changed


def delete_functions(context: Context, terminal: Terminal) -> bool:
    """Run `chalice delete` for everything that AWS has of the stage; return False if there was nothing.

    Raises OperatorError if Chalice fails.
    """
    resources = _existing(context)
    forget_record(context)
    if not resources:
        return False
    # Chalice stops at the first resource that does not exist, so the record names only what exists.
    _write_record(context, resources)
    run_chalice(context, ["delete", "--stage", context.stage.name], terminal)
    forget_record(context)
    terminal.done("functions, REST API and trigger: deleted")
    return True


def forget_record(context: Context) -> None:
    """Remove Chalice's record of the stage."""
    _record(context).unlink(missing_ok=True)


def recorded_home(context: Context) -> tuple[str | None, str | None]:
    """Return account and region of the stage's last deployment from this checkout; None for what is not recorded."""
    values = [str(value) for entry in _recorded(context) for value in entry.values()]
    homes = [value.split(":")[4:2:-1] for value in values if value.startswith("arn:")]  # a role's ARN has no region
    return next((account for account, _ in homes), None), next((region for _, region in homes if region), None)


def api_url(context: Context) -> str | None:
    """Return the REST API's URL without a slash at its end; None if there is no API yet.

    On AWS `https://<id>.execute-api.<region>.amazonaws.com/<stage>`; under AWS_ENDPOINT_URL the same path as
    LocalStack's, `<endpoint>/_aws/execute-api/<id>/<stage>`.
    """
    api = rest_api_id(context)
    return _url(context, api) if api else None


def callback_url(context: Context) -> str:
    """Return the URL that Jira's webhook goes to; raises OperatorError if the stage has no REST API."""
    url = api_url(context)
    if not url:
        raise context.stage.not_deployed("it has no REST API")
    return f"{url}/jira/callback"


def rest_api_id(context: Context) -> str | None:
    """Return the id of the stage's REST API, None if there is none. Raises OperatorError if there are several.

    Chalice gives the APIs of all stages the app's name. So it is the recorded one if AWS still has it, else the one
    whose methods call this stage's function.
    """
    client, stage = context.client("apigateway"), context.stage
    named = [
        api["id"]
        for page in client.get_paginator("get_rest_apis").paginate()
        for api in page["items"]
        if api["name"] == stage.app_name
    ]
    recorded = _recorded_api(context)
    if recorded in named:
        return recorded
    ours = [api for api in named if _calls(client, api, stage.api_function)]
    if len(ours) > 1:
        raise OperatorError(
            f"There are several REST APIs of stage {stage.name}: {', '.join(ours)}.",
            "Keep the one that Jira calls; remove the others: aws apigateway delete-rest-api --rest-api-id ID",
        )
    return ours[0] if ours else None


def run_chalice(
    context: Context,
    arguments: Sequence[str],
    terminal: Terminal,
    *,
    patience: float = PATIENCE,
    chalice: Sequence[str] = CHALICE,
) -> None:
    """Run chalice in the project's directory and show its output as it comes; OperatorError if it fails.

    `patience` is in seconds; a run that takes longer is killed.
    """
    last: deque[str] = deque(maxlen=12)
    process = subprocess.Popen(
        [*chalice, *arguments],
        cwd=context.project,
        env={**context.aws.environment, "PYTHONUNBUFFERED": "1", "PYTHONDONTWRITEBYTECODE": "1"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    )
    overdue = threading.Timer(patience, process.kill)
    overdue.start()
    try:
        with terminal.waiting(f"chalice {arguments[0]}"):
            assert process.stdout is not None  # noqa: S101  (PIPE above)
            for line in process.stdout:
                # Its closing list gives the API's URL on AWS even on another cloud; `deploy` gives the right one.
                if line.strip() and not line.startswith(("Resources deployed:", "  - ")):
                    last.append(line.rstrip())
                    terminal.detail(f"chalice: {line.rstrip()}")
            code = process.wait()
    finally:
        overdue.cancel()
        _end(process)
    if code:
        raise _chalice_failure(arguments[0], code, "\n".join(last), patience)


def _end(process: subprocess.Popen[str]) -> None:
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()


def _chalice_failure(command: str, code: int, output: str, patience: float) -> OperatorError:
    if code < 0:
        why = f"it did not finish within {patience:.0f} s or was killed (signal {-code})"
    else:
        why = f"exit code {code}"
    if "AccessDenied" in output or "not authorized to perform" in output:
        hint = "Grant the named action to the role you deploy with (Lambda, IAM roles, API Gateway, S3 notifications)."
    elif "import" in output.lower() and "error" in output.lower():
        hint = "app.py or chalicelib does not load; fix it and run this again."
    else:
        hint = "The lines above are Chalice's own: fix what they name, then run this again; it continues."
    return OperatorError(f"chalice {command} failed: {why}. Its last line: {output.rpartition(chr(10))[2]}", hint)


def _fingerprints(context: Context) -> Mapping[str, Any]:
    """The settings of each function, and its code's digest, in which two versions of it differ."""
    client = context.client("lambda")
    return {
        name: {key: configuration.get(key) for key in COMPARED}
        for name in context.stage.lambda_names.values()
        if (configuration := _function(client, name))
    }


def _existing(context: Context) -> list[dict[str, str]]:
    """Chalice's record of what AWS has now. Chalice deletes from its end: the API, rules, trigger, functions, roles."""
    iam, lambda_, s3, stage = context.client("iam"), context.client("lambda"), context.client("s3"), context.stage
    resources: list[dict[str, str]] = []
    for name in stage.role_names:
        try:
            arn = iam.get_role(RoleName=name)["Role"]["Arn"]
        except iam.exceptions.NoSuchEntityException:
            continue
        resources.append({"name": f"{name}-role", "resource_type": "iam_role", "role_name": name, "role_arn": arn})
    functions = [found for name in stage.lambda_names.values() if (found := _function(lambda_, name))]
    arns = [function["FunctionArn"] for function in functions]
    resources += [{"name": arn, "resource_type": "lambda_function", "lambda_arn": arn} for arn in arns]
    resources += [
        {"name": f"{arn}-s3event", "resource_type": "s3_event", "bucket": stage.bucket, "lambda_arn": arn}
        for arn in arns
        if arn in _notified(s3, stage.bucket)
    ]
    resources += [{"name": rule, "resource_type": "cloudwatch_event", "rule_name": rule} for rule in _rules(context)]
    api = rest_api_id(context)
    return [*resources, _api_entry(context, api)] if api else resources


def _rules(context: Context) -> list[str]:
    """The EventBridge rules of the stage's functions, by the names that Chalice gives them (appgraph.py)."""
    stage = context.stage
    ours = {f"{stage.app_name}-{stage.name}-{function}-event" for function in stage.functions}
    prefix = f"{stage.app_name}-{stage.name}-"  # which another stage's name may begin with, too
    pages = context.client("events").get_paginator("list_rules").paginate(NamePrefix=prefix)
    return [rule["Name"] for page in pages for rule in page["Rules"] if rule["Name"] in ours]


def _notified(s3: Any, bucket: str) -> list[str]:
    """The ARNs of the functions that the bucket's events go to."""
    try:
        configuration = s3.get_bucket_notification_configuration(Bucket=bucket)
    except s3.exceptions.NoSuchBucket:
        return []
    return [entry["LambdaFunctionArn"] for entry in configuration.get("LambdaFunctionConfigurations", [])]


def _function(client: Any, name: str) -> Any:
    try:
        return client.get_function_configuration(FunctionName=name)
    except client.exceptions.ResourceNotFoundException:
        return None


def _calls(client: Any, api: str, function: str) -> bool:
    """Whether a method of the API calls the Lambda function."""
    pages = client.get_paginator("get_resources").paginate(restApiId=api, embed=["methods"])
    return any(
        f":function:{function}/invocations" in method.get("methodIntegration", {}).get("uri", "")
        for page in pages
        for resource in page["items"]
        for method in resource.get("resourceMethods", {}).values()
    )


def _url(context: Context, api: str) -> str:
    stage, region = context.stage.api_gateway_stage, context.region
    if context.aws.endpoint_url:
        return f"{context.aws.endpoint_url}/_aws/execute-api/{api}/{stage}"
    suffix = "amazonaws.com.cn" if region.startswith("cn-") else "amazonaws.com"
    return f"https://{api}.execute-api.{region}.{suffix}/{stage}"


def _record(context: Context) -> Path:
    return context.project / ".chalice" / "deployed" / f"{context.stage.name}.json"


def _recorded_api(context: Context) -> str | None:
    return next((str(entry["rest_api_id"]) for entry in _recorded(context) if "rest_api_id" in entry), None)


def _recorded(context: Context) -> list[dict[str, Any]]:
    """The resources of Chalice's record; empty if there is no record, or an interruption cut it off."""
    try:
        resources = json.loads(_record(context).read_text(encoding="utf-8"))["resources"]
        return [entry for entry in resources if isinstance(entry, dict)]
    except (OSError, ValueError, LookupError, TypeError):
        return []


def _write_record(context: Context, resources: list[dict[str, str]]) -> None:
    """Write Chalice's own form, schema version 2.0 (chalice/deploy/deployer.py)."""
    path = _record(context)
    path.parent.mkdir(parents=True, exist_ok=True)
    record = {"resources": resources, "schema_version": "2.0", "backend": "api"}
    path.write_text(json.dumps(record, indent=2), encoding="utf-8")


def _api_entry(context: Context, api: str) -> dict[str, str]:
    # "rest_api" is the name under which Chalice looks it up.
    return {
        "name": "rest_api",
        "resource_type": "rest_api",
        "rest_api_id": api,
        "rest_api_url": _url(context, api) + "/",
    }

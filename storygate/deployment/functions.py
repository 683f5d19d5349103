"""What Chalice makes of app.py: the Lambda functions, the REST API and the S3 trigger.

Chalice remembers what it made in `.chalice/deployed/<stage>.json`, a file that is neither shared nor safe from an
interrupted run: without it a deploy makes a second REST API, with another callback URL, and a delete deletes nothing.
So the file is treated as a cache of what AWS has, and mended from AWS before Chalice runs.
"""

import json
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from storygate.stage.aws import Aws
from storygate.stage.config import Stage
from storygate.support.errors import OperatorError
from storygate.support.terminal import Terminal

PATIENCE = 900.0  # seconds for one run of chalice; a first deploy to AWS takes about one minute
# Chalice has no `python -m` form; this is what its console script does, under the Python we run on.
CHALICE = [sys.executable, "-c", "import sys; from chalice.cli import main; sys.argv[0] = 'chalice'; sys.exit(main())"]


def deploy_functions(project: Path, stage: Stage, aws: Aws, terminal: Terminal) -> bool:
    """`chalice deploy --stage S`; returns whether a function changed. Raises OperatorError if Chalice fails."""
    before = _fingerprints(stage, aws)
    api = rest_api_id(project, stage, aws)
    if _recorded_api(project, stage) != api:
        forget(project, stage)
        if api:
            terminal.detail(f"REST API {api}: found in AWS, its record in .chalice/deployed was missing or stale")
            _write_record(project, stage, [_api_entry(api, stage, aws)])
    run_chalice(["deploy", "--stage", stage.name], project, aws, terminal)
    changed = _fingerprints(stage, aws) != before
    if changed:
        terminal.done("functions and REST API: deployed")
    else:
        terminal.detail("functions: same code and settings as before")
    return changed


def delete_functions(project: Path, stage: Stage, aws: Aws, terminal: Terminal) -> bool:
    """`chalice delete --stage S` for all that AWS has of the stage; returns False if there was nothing."""
    resources = _existing(project, stage, aws)
    forget(project, stage)
    if not resources:
        return False
    # Chalice stops at the first resource that is gone already, so the record names what exists and no more.
    _write_record(project, stage, resources)
    run_chalice(["delete", "--stage", stage.name], project, aws, terminal)
    forget(project, stage)
    terminal.done("functions, REST API and trigger: deleted")
    return True


def forget(project: Path, stage: Stage) -> None:
    """Removes Chalice's record of the stage."""
    _record(project, stage).unlink(missing_ok=True)


def recorded_home(project: Path, stage: Stage) -> tuple[str | None, str | None]:
    """Account and region of the stage's last deployment from here, each None where Chalice's record does not tell."""
    values = [str(value) for entry in _recorded(project, stage) for value in entry.values()]
    homes = [value.split(":")[4:2:-1] for value in values if value.startswith("arn:")]  # a role's ARN has no region
    return next((account for account, _ in homes), None), next((region for _, region in homes if region), None)


def api_url(project: Path, stage: Stage, aws: Aws) -> str | None:
    """The REST API's URL without a slash at its end; None if there is no API yet.

    On AWS `https://<id>.execute-api.<region>.amazonaws.com/<stage>`; under AWS_ENDPOINT_URL the same path as
    LocalStack's, `<endpoint>/_aws/execute-api/<id>/<stage>`.
    """
    api = rest_api_id(project, stage, aws)
    return _url(api, stage, aws) if api else None


def rest_api_id(project: Path, stage: Stage, aws: Aws) -> str | None:
    """The id of the stage's REST API, None if there is none. Raises OperatorError if there are several.

    Chalice names the APIs of all stages alike, by the app's name. So it is the recorded one if AWS still has it, else
    the one whose methods call this stage's function.
    """
    client = aws.client("apigateway")
    named = [
        api["id"]
        for page in client.get_paginator("get_rest_apis").paginate()
        for api in page["items"]
        if api["name"] == stage.app_name
    ]
    recorded = _recorded_api(project, stage)
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
    arguments: Sequence[str],
    project: Path,
    aws: Aws,
    terminal: Terminal,
    *,
    patience: float = PATIENCE,
    chalice: Sequence[str] = CHALICE,
) -> None:
    """Runs chalice in the project's directory and shows its output as it comes; OperatorError if it fails.

    `patience` is in seconds; a run that takes longer is killed.
    """
    last: deque[str] = deque(maxlen=12)
    process = subprocess.Popen(
        [*chalice, *arguments],
        cwd=project,
        env={**aws.environment, "PYTHONUNBUFFERED": "1", "PYTHONDONTWRITEBYTECODE": "1"},
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
                # Its closing list gives the API's URL on AWS even when this is another cloud; `deploy` gives ours.
                if line.strip() and not line.startswith(("Resources deployed:", "  - ")):
                    last.append(line.rstrip())
                    terminal.detail(f"chalice: {line.rstrip()}")
            code = process.wait()
    finally:
        overdue.cancel()
        if process.poll() is None:
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
    if code:
        raise _chalice_failure(arguments[0], code, "\n".join(last), patience)


def _chalice_failure(command: str, code: int, output: str, patience: float) -> OperatorError:
    if code < 0:
        why = f"it did not finish within {patience:.0f} s or was killed (signal {-code})"
    else:
        why = f"exit code {code}"
    if "AccessDenied" in output or "not authorized to perform" in output:
        hint = "Grant the named action to the role you deploy with (Lambda, IAM roles, API Gateway, S3 notifications)."
    elif "import" in output.lower() and "error" in output.lower():
        hint = "app.py or chalicelib does not load; mend it and run this again."
    else:
        hint = "The lines above are Chalice's own; mend what they name and run this again, it continues."
    return OperatorError(f"chalice {command} failed: {why}. Its last line: {output.rpartition(chr(10))[2]}", hint)


def _fingerprints(stage: Stage, aws: Aws) -> Mapping[str, Any]:
    """What tells one version of each function from the next: its code's digest and its settings."""
    client = aws.client("lambda")
    told = ("CodeSha256", "Environment", "Handler", "MemorySize", "Role", "Runtime", "Timeout")
    return {
        name: {key: configuration.get(key) for key in told}
        for name in stage.lambda_names.values()
        if (configuration := _function(client, name))
    }


def _existing(project: Path, stage: Stage, aws: Aws) -> list[dict[str, str]]:
    """Chalice's record of what AWS has now. Chalice deletes from its end: the API, the trigger, functions, roles."""
    iam, lambda_, s3 = aws.client("iam"), aws.client("lambda"), aws.client("s3")
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
    api = rest_api_id(project, stage, aws)
    return [*resources, _api_entry(api, stage, aws)] if api else resources


def _notified(s3: Any, bucket: str) -> list[str]:
    """The functions that the bucket's events go to."""
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


def _url(api: str, stage: Stage, aws: Aws) -> str:
    if aws.endpoint_url:
        return f"{aws.endpoint_url}/_aws/execute-api/{api}/{stage.api_gateway_stage}"
    suffix = "amazonaws.com.cn" if stage.region.startswith("cn-") else "amazonaws.com"
    return f"https://{api}.execute-api.{stage.region}.{suffix}/{stage.api_gateway_stage}"


def _record(project: Path, stage: Stage) -> Path:
    return project / ".chalice" / "deployed" / f"{stage.name}.json"


def _recorded_api(project: Path, stage: Stage) -> str | None:
    return next((str(entry["rest_api_id"]) for entry in _recorded(project, stage) if "rest_api_id" in entry), None)


def _recorded(project: Path, stage: Stage) -> list[dict[str, Any]]:
    """The resources of Chalice's record; none if it is absent, or cut off by an interruption."""
    try:
        resources = json.loads(_record(project, stage).read_text(encoding="utf-8"))["resources"]
        return [entry for entry in resources if isinstance(entry, dict)]
    except (OSError, ValueError, LookupError, TypeError):
        return []


def _write_record(project: Path, stage: Stage, resources: list[dict[str, str]]) -> None:
    """Chalice's own form, schema version 2.0 (chalice/deploy/deployer.py)."""
    path = _record(project, stage)
    path.parent.mkdir(parents=True, exist_ok=True)
    record = {"resources": resources, "schema_version": "2.0", "backend": "api"}
    path.write_text(json.dumps(record, indent=2), encoding="utf-8")


def _api_entry(api: str, stage: Stage, aws: Aws) -> dict[str, str]:
    # "rest_api" is the name under which Chalice looks it up.
    return {
        "name": "rest_api",
        "resource_type": "rest_api",
        "rest_api_id": api,
        "rest_api_url": _url(api, stage, aws) + "/",
    }

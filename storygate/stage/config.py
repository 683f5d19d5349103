"""A stage of `.chalice/config.json`, the project's only configuration."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

from storygate.support.errors import OperatorError
from storygate.support.own_command import command_line

CONFIG = Path(".chalice", "config.json")
STORAGE_TEMPLATE = Path("statemachine", "storage.yaml")
WORKFLOW_TEMPLATE = Path("statemachine", "workflow.yaml")

# The functions of app.py. Chalice itself names the one behind the REST API.
API_HANDLER, AUTHORIZER, TRIGGER = "api_handler", "api_token_authorizer", "start_execution"
SWEEP, STATUS = "sweep", "run_status"
PROJECTS = "STORYGATE_PROJECTS"
VARIABLES = ("STORYGATE_BUCKET", "STORYGATE_TABLE", "STORYGATE_SECRET", "STORYGATE_STATE_MACHINE")
# The parameters of workflow.yaml that `deploy` sets; a stage may set the others.
FILLED = {"StateMachineName", "BucketName", "TableName", "SecretName", "SecretVersion", "DefinitionKey"}
FILLED |= {"FunctionPrefix", "ApiName", "ApiStage", "Projects"}
PROJECT_KEY = re.compile(r"[A-Z][A-Z0-9_]*")  # as in a story's key (workflow.asl.yaml, InputIsValid)

LOG_RETENTION_DAYS = 90
# Requests a second, and how many at once. The callback's are far above Jira's busiest automation, and low enough that a
# flood of calls costs little. Those of each mock let two hundred drops at once get through with the workflow's retries
# (benchmarks/throttling.py), and leave the one function of callback and mocks free for Jira.
THROTTLING = {"rateLimit": 50, "burstLimit": 100, "mockRateLimit": 25, "mockBurstLimit": 50}


@dataclass(frozen=True)
class Stage:
    """The names and settings of one stage. `workflow_parameters` override those of statemachine/workflow.yaml."""

    name: str
    app_name: str
    api_gateway_stage: str
    functions: tuple[str, ...]
    bucket: str
    table: str
    secret: str
    state_machine: str
    region: str
    workflow_parameters: Mapping[str, str]
    log_retention_days: int = LOG_RETENTION_DAYS
    rate_limit: float = THROTTLING["rateLimit"]
    burst_limit: int = THROTTLING["burstLimit"]
    mock_rate_limit: float = THROTTLING["mockRateLimit"]
    mock_burst_limit: int = THROTTLING["mockBurstLimit"]
    policy_files: Mapping[str, str] = field(default_factory=dict)
    """Function in app.py -> its IAM policy in .chalice/, for those that have one."""
    variables: Mapping[str, str] = field(default_factory=dict)
    """The environment variables of its functions, as config.json has them."""

    def listed(self, variable: str) -> list[str]:
        """Return the names in a variable that is a list with commas, in its order and spelling; empty without it."""
        return [name.strip() for name in self.variables.get(variable, "").split(",") if name.strip()]

    @property
    def projects(self) -> tuple[str, ...]:
        """The keys of the projects whose stories this stage gates, in capitals; empty for every project."""
        return tuple(key.upper() for key in self.listed(PROJECTS))

    @property
    def jira_site(self) -> str | None:
        """Where the stage's Jira is, `https://example.atlassian.net`, without a slash at its end; None without one."""
        return self.variables.get("STORYGATE_JIRA_SITE", "").strip().rstrip("/") or None

    @property
    def jira_secret(self) -> str:
        """The secret with Jira's credentials."""
        return f"{self.secret}-jira"

    @property
    def storage_stack(self) -> str:
        """The CloudFormation stack of the bucket and the table."""
        return f"{self.app_name}-{self.name}-storage"

    @property
    def workflow_stack(self) -> str:
        """The CloudFormation stack of the state machine, its connections, alarms and queue."""
        return f"{self.app_name}-{self.name}-workflow"

    @property
    def api_function(self) -> str:
        """The Lambda function of the REST API. Chalice names it `<app>-<stage>`, unlike all others."""
        return f"{self.app_name}-{self.name}"

    @property
    def trigger(self) -> str:
        """The Lambda function that a drop starts."""
        return f"{self.app_name}-{self.name}-{TRIGGER}"

    @property
    def sweep(self) -> str:
        """The Lambda function that gives waiting runs the verdicts that were left undelivered."""
        return f"{self.app_name}-{self.name}-{SWEEP}"

    @property
    def authorizer(self) -> str:
        """The Lambda function that lets each API's token call that API's mock."""
        return f"{self.app_name}-{self.name}-{AUTHORIZER}"

    @property
    def lambda_names(self) -> Mapping[str, str]:
        """Function in app.py -> name in Lambda, for all functions that config.json lists."""
        named = {function: f"{self.app_name}-{self.name}-{function}" for function in self.functions}
        return {**named, API_HANDLER: self.api_function}

    @property
    def role_names(self) -> tuple[str, ...]:
        """The roles that Chalice makes, one for each function."""
        return tuple(f"{self.app_name}-{self.name}-{function}" for function in self.lambda_names)

    @property
    def log_groups(self) -> tuple[str, ...]:
        """The functions' log groups. Chalice makes `…-api_handler`, but Lambda writes to `<app>-<stage>`."""
        names = {*self.lambda_names.values(), *self.role_names}
        return tuple(f"/aws/lambda/{name}" for name in sorted(names))

    @property
    def access_log_group(self) -> str:
        """The log group of API Gateway: one line for each request."""
        return f"/aws/apigateway/{self.api_function}"

    @property
    def run_log_group(self) -> str:
        """The log group of the state machine; named as in workflow.yaml."""
        return f"/aws/vendedlogs/states/{self.state_machine}"

    @property
    def queue(self) -> str:
        """The queue of drops that started no run; named as in workflow.yaml."""
        return f"{self.state_machine}-not-started"

    def command(self, command: str) -> str:
        """Return one of storygate's commands for this stage, to copy: `storygate watch NAME --stage dev`."""
        return command_line(f"{command} --stage {self.name}")

    def story_url(self, story: str | None) -> str | None:
        """Return the address of a story in the stage's Jira; None if STORYGATE_JIRA_SITE names none."""
        site = self.jira_site
        if not (story and site and site.startswith(("https://", "http://"))):
            return None
        return f"{site}/browse/{quote(story, safe='')}"

    def not_deployed(self, why: str) -> OperatorError:
        """Return the error for a stage that this account and region do not have; `why`: `there is no …`."""
        return OperatorError(
            f"Stage {self.name} is not deployed here: {why}.",
            f"Run `{self.command('deploy')}`, or check AWS_PROFILE and the region.",
        )


def find_project(start: Path | None = None) -> Path:
    """Return the project's directory: the current one (or `start`), else the one that holds this package.

    Raises OperatorError if neither has .chalice/config.json.
    """
    candidates = (start or Path.cwd(), Path(__file__).resolve().parents[2])
    for candidate in candidates:
        if (candidate / CONFIG).is_file():
            return candidate.resolve()
    raise OperatorError(f"{candidates[0]} has no {CONFIG}.", "Change to the project's directory and run this again.")


def load_stage(project: Path, name: str, region: str) -> Stage:
    """Read the stage `name` of the project's config.json, for a region.

    As in Chalice, settings at the top of config.json are for every stage, and a stage may override them. Raises
    OperatorError, which names the field, the file and the fix: unknown stage, missing name, unknown or malformed
    parameter.
    """
    config = read_config(project)
    own = _own_settings(config, name)
    app_name = config.get("app_name")
    if not isinstance(app_name, str) or not app_name:
        raise OperatorError(f"app_name is missing in {CONFIG}.", 'Add "app_name": "storygate" at its top.')
    variables = _merged(config, own, "environment_variables")
    bucket, table, secret, state_machine = (_required(variables, variable, name) for variable in VARIABLES)
    functions = _merged(config, own, "lambda_functions")
    throttling = _throttling(name, own.get("api", {}))
    stage = Stage(
        name=name,
        app_name=app_name,
        # "api" is Chalice's default name for the stage of API Gateway.
        api_gateway_stage=own.get("api_gateway_stage") or config.get("api_gateway_stage") or "api",
        functions=tuple(functions),
        bucket=bucket,
        table=table,
        secret=secret,
        state_machine=state_machine,
        region=region,
        workflow_parameters=_workflow_parameters(project, name, own.get("workflow", {})),
        # Chalice's own setting, for the log groups that Chalice does not apply it to.
        log_retention_days=int(
            own.get("log_retention_in_days") or config.get("log_retention_in_days") or LOG_RETENTION_DAYS
        ),
        rate_limit=throttling["rateLimit"],
        burst_limit=int(throttling["burstLimit"]),
        mock_rate_limit=throttling["mockRateLimit"],
        mock_burst_limit=int(throttling["mockBurstLimit"]),
        policy_files={
            function: settings["iam_policy_file"]
            for function, settings in functions.items()
            if isinstance(settings, dict) and "iam_policy_file" in settings
        },
        variables={name: str(value) for name, value in variables.items()},
    )
    _check_projects(stage)
    return stage


def check_known(project: Path, name: str) -> None:
    """Raise OperatorError, which names the project's stages, unless config.json has this one."""
    _own_settings(read_config(project), name)


def sharing_bucket(project: Path, stage: Stage) -> list[str]:
    """Return the names of the other stages of config.json with the same STORYGATE_BUCKET."""
    config = read_config(project)
    buckets = {
        name: _merged(config, other, "environment_variables").get("STORYGATE_BUCKET")
        for name, other in config["stages"].items()
        if name != stage.name and isinstance(other, dict)
    }
    return [name for name, bucket in buckets.items() if str(bucket).strip() == stage.bucket]


def template_parameters(template: str) -> tuple[str, ...]:
    """Return the names of a template's parameters, found by its layout: two blanks under `Parameters:`."""
    section = re.search(r"^Parameters:\n((?:[ #].*\n|\n)+)", template, re.MULTILINE)
    return tuple(re.findall(r"^  (\w+):", section.group(1), re.MULTILINE)) if section else ()


def read_config(project: Path) -> dict[str, Any]:
    """Return the project's config.json; raises OperatorError if it is missing or no JSON object."""
    try:
        config = json.loads((project / CONFIG).read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise OperatorError(f"{project} has no {CONFIG}.", "Change to the project's directory.") from error
    except ValueError as error:
        raise OperatorError(f"{CONFIG} is not JSON: {error}.", "Fix it at that line.") from error
    if not isinstance(config, dict):
        raise OperatorError(f"{CONFIG} is not a JSON object.", "Compare it with the one in the repository.")
    return config


def _own_settings(config: Mapping[str, Any], name: str) -> dict[str, Any]:
    stages = config.get("stages")
    own = stages.get(name) if isinstance(stages, dict) else None
    if not isinstance(own, dict):
        known = ", ".join(sorted(stages)) if isinstance(stages, dict) and stages else "none"
        raise OperatorError(
            f'{CONFIG} has no stage "{name}".',
            f"Use one of its stages ({known}), or make this one: `{command_line(f'new-stage {name}')}`.",
        )
    return own


def _merged(config: Mapping[str, Any], own: Mapping[str, Any], setting: str) -> dict[str, Any]:
    """Return a setting that is an object: the one for every stage, overridden by the stage's own."""
    return {**config.get(setting, {}), **own.get(setting, {})}


def _required(variables: Mapping[str, Any], variable: str, stage: str) -> str:
    value = variables.get(variable)
    if not isinstance(value, str) or not value.strip():
        raise OperatorError(
            f'{variable} is missing in stage "{stage}" of {CONFIG}.',
            f'Add "{variable}": "storygate-{stage}" to that stage\'s "environment_variables".',
        )
    return value.strip()


def _check_projects(stage: Stage) -> None:
    """Raise OperatorError for a list of projects that names none, or something else than project keys."""
    wrong = [key for key in stage.projects if not PROJECT_KEY.fullmatch(key)]
    if wrong or (PROJECTS in stage.variables and not stage.projects):
        raise OperatorError(
            f'{PROJECTS} in stage "{stage.name}" of {CONFIG} '
            + (f"has {wrong[0]}, which is no project key." if wrong else "is set but names nothing."),
            'Write Jira\'s project keys with commas between, such as "PROJ,PAY", or remove it to gate every project.',
        )


def _workflow_parameters(project: Path, stage: str, given: object) -> dict[str, str]:
    where = f'"workflow" in stage "{stage}" of {CONFIG}'
    if not isinstance(given, dict):
        raise OperatorError(f"{where} is not an object.", 'Write it as {"ValidationUrl": "https://…"}.')
    allowed = set(template_parameters((project / WORKFLOW_TEMPLATE).read_text(encoding="utf-8"))) - FILLED
    for parameter, value in given.items():
        if parameter not in allowed:
            raise OperatorError(
                f"{where} has an unknown parameter {parameter}.",
                f"Remove it, or use one of {', '.join(sorted(allowed))} ({WORKFLOW_TEMPLATE}).",
            )
        if isinstance(value, bool) or not isinstance(value, str | int | float) or value == "":
            raise OperatorError(
                f"{parameter} in {where} is neither text nor a number.", "Give it a value or remove it."
            )
    if ("ReleaseUrl" in given) != ("ReleaseConnectionArn" in given):
        raise OperatorError(
            f"{where} has only one of ReleaseUrl and ReleaseConnectionArn.",
            "Give both, or none: then nothing is called.",
        )
    return {parameter: str(value) for parameter, value in given.items()}


def _throttling(stage: str, given: object) -> dict[str, float]:
    where = f'"api" in stage "{stage}" of {CONFIG}'
    if not isinstance(given, dict):
        raise OperatorError(f"{where} is not an object.", 'Write it as {"rateLimit": 50, "burstLimit": 100}.')
    for setting, value in given.items():
        if setting not in THROTTLING:
            raise OperatorError(
                f"{where} has an unknown setting {setting}.", f"Remove it, or use one of {', '.join(THROTTLING)}."
            )
        if isinstance(value, bool) or not isinstance(value, int | float) or not value > 0:
            raise OperatorError(f"{setting} in {where} is not a number above zero.", "Fix or remove it.")
    return {**THROTTLING, **given}

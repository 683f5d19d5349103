"""The policies of the Lambda functions, `.chalice/policy-<stage>-*.json`, from the table in this file.

`make policies` (`python -m storygate.stage.policies`) writes them for every stage, `new-stage` for a new one.
tests/policies/ compares the files with the table, and proves on a recorded run that each
function has every permission it needs and no other.

A `*` matches the partition (aws, aws-cn, aws-us-gov), the region and the account, so that one file fits all of them:
IAM takes wildcards in every segment of a resource's ARN but the service (IAM user guide, "IAM JSON policy elements:
Resource"), and the policies that Chalice itself generates begin with `arn:*:` as well.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from storygate.stage.config import API_HANDLER, AUTHORIZER, CONFIG, STATUS, SWEEP, TRIGGER, find_project, read_config

SUFFIXES = {API_HANDLER: "api", AUTHORIZER: "authorizer", TRIGGER: "trigger", SWEEP: "sweep", STATUS: "status"}
"""Function of app.py -> the end of its policy's file name."""

# Resources. The names in braces are filled for each stage: its variables in config.json, and the function's own name.
# Secrets Manager adds six characters to a secret's name (user guide, "Secret ARN").
SECRET = "arn:*:secretsmanager:*:*:secret:{STORYGATE_SECRET}-??????"  # noqa: S105 - a name
JIRA_SECRET = "arn:*:secretsmanager:*:*:secret:{STORYGATE_SECRET}-jira-??????"  # noqa: S105
BUCKET = "arn:*:s3:::{STORYGATE_BUCKET}"
TABLE = "arn:*:dynamodb:*:*:table/{STORYGATE_TABLE}"
WAITING = f"{TABLE}/index/waiting"
SWEEP_FUNCTION = "arn:*:lambda:*:*:function:{sweep}"
EXECUTIONS = "arn:*:states:*:*:execution:{STORYGATE_STATE_MACHINE}:*"
MACHINE = "arn:*:states:*:*:stateMachine:{STORYGATE_STATE_MACHINE}"
DROPS_NOT_STARTED = "arn:*:sqs:*:*:{STORYGATE_STATE_MACHINE}-not-started"
LOG_GROUP = "arn:*:logs:*:*:log-group:/aws/lambda/{function}"

Statement = tuple[str, list[str], list[str]]
"""A statement's id, its actions, and the resources that they are allowed on."""

READ_SECRET: Statement = ("ReadTheSecret", ["secretsmanager:GetSecretValue"], [SECRET])

USE_ENTRIES: Statement = (
    "RecordTheVerdictAndFindWaitingRuns",
    ["dynamodb:PutItem", "dynamodb:Query", "dynamodb:DeleteItem"],
    [TABLE],
)
RESUME_RUNS: Statement = ("ResumeWaitingRuns", ["states:SendTaskSuccess"], [MACHINE])
READ_JIRAS_SECRET: Statement = ("ReadJirasCredentials", ["secretsmanager:GetSecretValue"], [JIRA_SECRET])

OWN_STATEMENTS: dict[str, list[Statement]] = {
    API_HANDLER: [
        READ_SECRET,
        USE_ENTRIES,
        RESUME_RUNS,
        ("HandRunsOverToTheSweep", ["lambda:InvokeFunction"], [SWEEP_FUNCTION]),
    ],
    SWEEP: [
        ("FindWaitingRuns", ["dynamodb:Scan"], [WAITING]),
        USE_ENTRIES,
        RESUME_RUNS,
        ("SeeWhichRunsAreOver", ["states:ListExecutions"], [MACHINE]),
        ("SeeThatARunIsOver", ["states:DescribeExecution"], [EXECUTIONS]),
        READ_JIRAS_SECRET,
        ("SeeWhatWasTold", ["dynamodb:GetItem"], [TABLE]),
        ("ReadTheRequestOfAWaitingRun", ["s3:GetObject", "s3:GetObjectVersion"], [f"{BUCKET}/inputs/*"]),
    ],
    AUTHORIZER: [READ_SECRET],
    STATUS: [
        READ_JIRAS_SECRET,
        ("ReadTheResult", ["s3:GetObject"], [f"{BUCKET}/outputs/*"]),
        ("ReadTheInputOfARunWithoutResult", ["s3:GetObject", "s3:GetObjectVersion"], [f"{BUCKET}/inputs/*"]),
        ("RememberWhatWasTold", ["dynamodb:PutItem"], [TABLE]),
    ],
    TRIGGER: [
        ("StartTheWorkflow", ["states:StartExecution"], [MACHINE]),
        # Lambda sends an event that failed for good to its destination with the permissions of the function's role.
        ("KeepTheDropsThatStartedNothing", ["sqs:SendMessage"], [DROPS_NOT_STARTED]),
    ],
}

COMMON_STATEMENTS: list[Statement] = [
    (
        "WriteItsLog",
        ["logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents"],
        [LOG_GROUP, f"{LOG_GROUP}:*"],
    ),
    # IAM cannot limit these two actions to a resource (service authorization reference, AWS X-Ray).
    ("SendItsTraces", ["xray:PutTraceSegments", "xray:PutTelemetryRecords"], ["*"]),
]


def policy(function: str, names: Mapping[str, str]) -> dict[str, Any]:
    """Return the policy of a function; `names` fills the braces of the resources."""
    return {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Sid": sid,
                "Effect": "Allow",
                "Action": actions,
                "Resource": [resource.format_map(names) for resource in resources],
            }
            for sid, actions, resources in OWN_STATEMENTS[function] + COMMON_STATEMENTS
        ],
    }


def file_name(stage: str, function: str) -> str:
    """Return the name of a function's policy file: `policy-dev-api.json`."""
    return f"policy-{stage}-{SUFFIXES[function]}.json"


def files(config: Mapping[str, Any], *stages: str) -> dict[str, str]:
    """Return the text of each policy file that a config.json names for these stages, by default all, by file name.

    Raises KeyError for a function that the table does not know, and for a variable that the stage does not set.
    """
    return {
        settings["iam_policy_file"]: _text(policy(function, _names(config, stage, function)))
        for stage in stages or config["stages"]
        for function, settings in config["stages"][stage]["lambda_functions"].items()
    }


def missing(project: Path, stage: str) -> list[str]:
    """Return the functions of app.py whose policy `chalice deploy` would not find, with the file it looks for.

    `iam_policy_file` may stand at the function, at the stage or at the top; without it Chalice looks for
    `policy-<stage>.json`, unless it is to generate the policies (Chalice documentation, "Configuration File").
    """
    config = read_config(project)
    own = config["stages"][stage]
    lacking = []
    for function in OWN_STATEMENTS:
        settings = [own.get("lambda_functions", {}).get(function, {}), own, config]
        if next((level["autogen_policy"] for level in settings if "autogen_policy" in level), True):
            continue
        file = next((level["iam_policy_file"] for level in settings if "iam_policy_file" in level), None)
        file = file or f"policy-{stage}.json"
        if not (project / CONFIG.parent / file).is_file():
            lacking.append(f"{function} ({CONFIG.parent / file})")
    return lacking


def _names(config: Mapping[str, Any], stage: str, function: str) -> dict[str, str]:
    variables = config.get("environment_variables", {}) | config["stages"][stage]["environment_variables"]
    # Chalice names the function behind the REST API after app and stage alone.
    suffix = "" if function == API_HANDLER else f"-{function}"
    app = f"{config['app_name']}-{stage}"
    return {**variables, "function": f"{app}{suffix}", "sweep": f"{app}-{SWEEP}"}


def _text(document: Mapping[str, Any]) -> str:
    return json.dumps(document, indent=2) + "\n"


def write(project: Path, config: Mapping[str, Any], *stages: str) -> list[str]:
    """Write the policy files of these stages, by default all; return the names of those that changed."""
    changed = []
    for name, text in files(config, *stages).items():
        path = project / CONFIG.parent / name
        if not path.is_file() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")
            changed.append(name)
    return changed


if __name__ == "__main__":
    write(find_project(), read_config(find_project()))

"""Write the policies of the Lambda functions, `.chalice/policy-<stage>-*.json`, from the table in this file.

`make policies` runs it. tests/policies/ compares the files with the table, and proves on a recorded run that each
function has every permission it needs and no other.

A `*` matches the partition (aws, aws-cn, aws-us-gov), the region and the account, so that one file fits all of them:
IAM takes wildcards in every segment of a resource's ARN but the service (IAM user guide, "IAM JSON policy elements:
Resource"), and the policies that Chalice itself generates begin with `arn:*:` as well.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from storygate.stage.config import API_HANDLER, AUTHORIZER, TRIGGER

ROOT = Path(__file__).resolve().parents[1]

# Resources. The names in braces are filled for each stage: its variables in config.json, and the function's own name.
# Secrets Manager adds six characters to a secret's name (user guide, "Secret ARN").
SECRET = "arn:*:secretsmanager:*:*:secret:{STORYGATE_SECRET}-??????"  # noqa: S105 - a name
TABLE = "arn:*:dynamodb:*:*:table/{STORYGATE_TABLE}"
MACHINE = "arn:*:states:*:*:stateMachine:{STORYGATE_STATE_MACHINE}"
DROPS_NOT_STARTED = "arn:*:sqs:*:*:{STORYGATE_STATE_MACHINE}-not-started"
LOG_GROUP = "arn:*:logs:*:*:log-group:/aws/lambda/{function}"

Statement = tuple[str, list[str], list[str]]
"""A statement's id, its actions, and the resources that they are allowed on."""

READ_SECRET: Statement = ("ReadTheSecret", ["secretsmanager:GetSecretValue"], [SECRET])

OWN_STATEMENTS: dict[str, list[Statement]] = {
    API_HANDLER: [
        READ_SECRET,
        ("RecordTheVerdictAndFindWaitingRuns", ["dynamodb:PutItem", "dynamodb:Query", "dynamodb:DeleteItem"], [TABLE]),
        ("ResumeWaitingRuns", ["states:SendTaskSuccess"], [MACHINE]),
    ],
    AUTHORIZER: [READ_SECRET],
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


def files(config: Mapping[str, Any]) -> dict[str, str]:
    """Return the text of each policy file that a project's config.json names, by file name.

    Raises KeyError for a function that the table does not know, and for a variable that the stage does not set.
    """
    return {
        settings["iam_policy_file"]: _text(policy(function, _names(config, stage, function)))
        for stage, configured in config["stages"].items()
        for function, settings in configured["lambda_functions"].items()
    }


def _names(config: Mapping[str, Any], stage: str, function: str) -> dict[str, str]:
    variables = config.get("environment_variables", {}) | config["stages"][stage]["environment_variables"]
    # Chalice names the function behind the REST API after app and stage alone.
    suffix = "" if function == API_HANDLER else f"-{function}"
    return {**variables, "function": f"{config['app_name']}-{stage}{suffix}"}


def _text(document: Mapping[str, Any]) -> str:
    return json.dumps(document, indent=2) + "\n"


def main() -> None:
    """Write the files of every stage."""
    folder = ROOT / ".chalice"
    for name, text in files(json.loads((folder / "config.json").read_text(encoding="utf-8"))).items():
        (folder / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()

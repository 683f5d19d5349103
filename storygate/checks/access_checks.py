"""The functions' rights, and the secret. A finding never holds a value of the secret."""

import json
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from storygate.checks.finding import Examination, Finding, absent, check, fail, ok, warn
from storygate.deployment.rotation import grace_period
from storygate.deployment.secret_values import previous_ends
from storygate.deployment.stage_secret import read_fields
from storygate.support.errors import OperatorError
from storygate.support.times import local_time

SECRET_DAYS = 90


@check("secret fields", "without one of its fields, Jira or an API is refused")
def secret_fields(context: Examination) -> Finding:
    """The secret exists and has all its fields, and two values for the callback's two proofs."""
    with _missing_secret(context):
        values = read_fields(context.client("secretsmanager"), context.stage.secret)
    if values["automation"] == values["callback"]:
        return warn(
            "`automation` is the same as `callback`: whoever reads an Automation rule can sign webhooks",
            f"{context.stage.command('rotate')}, then give Jira the two new values",
        )
    ends = previous_ends(values, grace_period(context).total_seconds())
    if isinstance(values.get("previous"), dict) and not ends:
        return fail(
            "it has previous values, and no time since when (`rotatedAt`)", context.stage.command("rotate --revoke")
        )
    last = max(ends, default=context.now)
    return ok(f"complete; previous values are accepted until {local_time(last)}" if last > context.now else "complete")


@check("secret age", "the older a secret is, the more people and exported logs have seen it")
def secret_age(context: Examination) -> Finding:
    """The current version is younger than 90 days."""
    with _missing_secret(context):
        # Of the version that it returns, not of the secret (Secrets Manager API reference).
        created = context.client("secretsmanager").get_secret_value(SecretId=context.stage.secret)["CreatedDate"]
    days = max(0, context.elapsed(created).days)  # the two clocks may differ by a second
    if days <= SECRET_DAYS:
        return ok(f"{days} days")
    return warn(
        f"{days} days, more than {SECRET_DAYS}",
        f"{context.stage.command('rotate')}, then give Jira the new value",
    )


@check("function roles", "with more rights than its policy file gives, a function can reach more than storygate")
def roles(context: Examination) -> Finding:
    """Each function's role has exactly the policy of its file in .chalice/."""
    iam, stage = context.client("iam"), context.stage
    for function, file in stage.policy_files.items():
        role = f"{stage.app_name}-{stage.name}-{function}"  # Chalice's name for the role and for its one policy
        with absent("NoSuchEntity", found=f"role {role} is not there", fix=context.deploy_command):
            inline = iam.list_role_policies(RoleName=role)["PolicyNames"]
            attached = iam.list_attached_role_policies(RoleName=role)["AttachedPolicies"]
        if attached:
            arn = attached[0]["PolicyArn"]
            return fail(
                f"role {role} has {attached[0]['PolicyName']} attached",
                f"aws iam detach-role-policy --role-name {role} --policy-arn {arn}",
            )
        if extra := sorted(set(inline) - {role}):
            return fail(
                f"role {role} has another policy, {extra[0]}",
                f"aws iam delete-role-policy --role-name {role} --policy-name {extra[0]}",
            )
        if role not in inline or _document(iam, role) != _packaged(context.project, file):
            return fail(f"role {role} differs from .chalice/{file}", context.deploy_command)
    return ok(f"as in the {len(stage.policy_files)} policy files")


def _document(iam: Any, role: str) -> Any:
    document = iam.get_role_policy(RoleName=role, PolicyName=role)["PolicyDocument"]
    return json.loads(document) if isinstance(document, str) else document


def _packaged(project: Path, file: str) -> Any:
    try:
        return json.loads((project / ".chalice" / file).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise OperatorError(f".chalice/{file} cannot be read: {error}", "Restore it from the repository.") from error


def _missing_secret(context: Examination) -> AbstractContextManager[None]:
    return absent(
        "ResourceNotFoundException",
        found=f"there is no secret {context.stage.secret}",
        fix=f"{context.deploy_command} makes one",
    )

"""Connections, and the references to secrets that their credentials come from."""

import json

import pytest

from localcloud.cloud import LocalCloud
from tests.localcloud.conftest import BREAKS, Bare
from tests.localcloud.templates import Deploy, attribute, template

CONNECTION = (
    "AWS::Events::Connection",
    {
        "Name": "connection",
        "AuthorizationType": "API_KEY",
        "AuthParameters": {
            "ApiKeyAuthParameters": {
                "ApiKeyName": "Authorization",
                "ApiKeyValue": {
                    "Fn::Sub": "Bearer {{resolve:secretsmanager:tokens:SecretString:validation::${Version}}}"
                },
            }
        },
    },
)


@pytest.fixture(scope="module")
def tokens(cloud: LocalCloud) -> dict[str, str]:
    """A secret with two versions: token to version id."""
    client = cloud.client("secretsmanager")
    first = client.create_secret(Name="tokens", SecretString='{"validation": "first"}')["VersionId"]
    second = client.put_secret_value(SecretId="tokens", SecretString='{"validation": "second"}')["VersionId"]
    return {"first": first, "second": second}


def test_a_connection_keeps_its_arn_and_takes_the_new_token_when_the_reference_changes(
    cloud: LocalCloud, stack: Deploy, tokens: dict[str, str]
) -> None:
    outputs = {name: attribute("Connection", name) for name in ("Arn", "ArnForPolicy", "SecretArn")}
    body = template(["Version"], outputs, Connection=CONNECTION)
    events, secrets = cloud.client("events"), cloud.client("secretsmanager")

    def held() -> str:
        found = events.describe_connection(Name="connection")
        assert found["ConnectionState"] == "AUTHORIZED"
        value = secrets.get_secret_value(SecretId=found["SecretArn"])
        assert value["Name"].startswith("events!connection/connection/")
        return str(json.loads(value["SecretString"])["api_key_value"])

    before = stack(body, Version=tokens["first"])
    assert held() == "Bearer first"
    assert before["Arn"].startswith(f"{before['ArnForPolicy']}/")
    assert stack(body, Version=tokens["second"]) == before
    assert held() == "Bearer second"
    cloud.client("cloudformation").delete_stack(StackName="stack")
    assert events.list_connections()["Connections"] == []
    assert [secret["Name"] for secret in secrets.list_secrets()["SecretList"]] == ["tokens"]


def test_a_rotated_secret_reaches_a_connection_only_when_one_of_its_properties_changes(
    cloud: LocalCloud, stack: Deploy
) -> None:
    events, secrets = cloud.client("events"), cloud.client("secretsmanager")
    secrets.create_secret(Name="rotated", SecretString="old")
    key = {"ApiKeyName": "Authorization", "ApiKeyValue": "{{resolve:secretsmanager:rotated}}"}
    kind, properties = CONNECTION
    properties = {**properties, "AuthParameters": {"ApiKeyAuthParameters": key}}

    def held(description: str, days: int) -> str:
        connection = (kind, {**properties, "Description": description})
        stack(template(Connection=connection, Log=("AWS::Logs::LogGroup", {"RetentionInDays": days})))
        arn = events.describe_connection(Name="connection")["SecretArn"]
        return str(json.loads(secrets.get_secret_value(SecretId=arn)["SecretString"])["api_key_value"])

    assert held("first", 30) == "old"
    secrets.put_secret_value(SecretId="rotated", SecretString="new")
    assert held("first", 90) == "old"
    assert held("second", 90) == "new"
    secrets.delete_secret(SecretId="rotated", ForceDeleteWithoutRecovery=True)


def test_secrets_keep_the_version_before_the_current_one(cloud: LocalCloud, tokens: dict[str, str]) -> None:
    client = cloud.client("secretsmanager")
    previous = client.get_secret_value(SecretId="tokens", VersionStage="AWSPREVIOUS")
    assert previous["VersionId"] == tokens["first"]
    assert client.get_secret_value(SecretId="tokens")["VersionId"] == tokens["second"]


@pytest.mark.parametrize(
    ("reference", "resolved"),
    [
        ("{{resolve:secretsmanager:tokens:SecretString:validation}}", "second"),
        ("{{resolve:secretsmanager:tokens:SecretString:validation:AWSPREVIOUS}}", "first"),
        (
            "{{resolve:secretsmanager:ARN:SecretString:validation::}} twice {{resolve:secretsmanager:tokens}}",
            'second twice {"validation": "second"}',
        ),
    ],
)
@pytest.mark.usefixtures("tokens")
def test_references_are_resolved_by_stage_by_arn_and_several_in_one_text(
    cloud: LocalCloud, stack: Deploy, reference: str, resolved: str
) -> None:
    arn = cloud.client("secretsmanager").describe_secret(SecretId="tokens")["ARN"]
    stack(template(P=("AWS::SSM::Parameter", {"Name": "p", "Type": "String", "Value": reference.replace("ARN", arn)})))
    assert cloud.client("ssm").get_parameter(Name="p")["Parameter"]["Value"] == resolved


@pytest.mark.usefixtures("tokens")
def test_a_reference_to_nothing_fails_the_stack(cloud: LocalCloud) -> None:
    client = cloud.client("cloudformation")
    for name, reference in {"no-key": "tokens:SecretString:other", "no-secret": "nothing:SecretString:a"}.items():
        value = f"{{{{resolve:secretsmanager:{reference}}}}}"
        body = template(P=("AWS::SSM::Parameter", {"Name": "p", "Type": "String", "Value": value}))
        client.create_stack(StackName=name, TemplateBody=json.dumps(body))
        assert client.describe_stacks(StackName=name)["Stacks"][0]["StackStatus"] == "CREATE_FAILED"
        client.delete_stack(StackName=name)


def test_moto_still_makes_no_connection_from_a_stack(bare_moto: Bare) -> None:
    body = template(["Version"], {"Out": attribute("It", "Arn")}, It=CONNECTION)
    with pytest.raises(BREAKS):
        bare_moto.client("cloudformation").create_stack(
            StackName="lacks-connection",
            TemplateBody=json.dumps(body),
            Parameters=[{"ParameterKey": "Version", "ParameterValue": "1"}],
        )

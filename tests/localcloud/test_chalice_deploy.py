"""Chalice's own deploy, redeploy and delete; what it deploys runs; its REST API answers on both addresses."""

import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import requests
from botocore.exceptions import ClientError

from localcloud.cloud import LocalCloud
from tests.localcloud.chalice_project import Project
from tests.localcloud.conftest import BREAKS, Bare, eventually

JSON = {"Content-Type": "application/json"}
RIGHT = {**JSON, "Authorization": "Bearer right"}


@pytest.fixture(scope="module")
def api(cloud: LocalCloud, project: Project) -> str:
    """The deployed API's address on the AWS endpoint."""
    cloud.start_api()
    return f"{cloud.endpoint_url}/_aws/execute-api/{project.deployed('rest_api')['rest_api_id']}/api"


def post(url: str, **request: Any) -> requests.Response:
    return requests.post(url, timeout=10, **request)


def test_an_api_without_a_dev_server_is_told_apart_from_one_that_does_not_exist(
    cloud: LocalCloud, project: Project
) -> None:
    address = f"{cloud.endpoint_url}/_aws/execute-api"
    deployed = project.deployed("rest_api")["rest_api_id"]
    down = post(f"{address}/{deployed}/api/hello/you", headers=RIGHT)
    assert down.status_code == 502
    assert "does not answer" in down.json()["message"]
    assert post(f"{address}/nothing/api/hello/you").status_code == 404
    assert post(f"{address}/{deployed}/other/hello/you").json() == {"message": "Forbidden"}


def test_a_drop_runs_the_handler_with_the_event_that_s3_documents(cloud: LocalCloud, project: Project) -> None:
    put = cloud.client("s3").put_object(Bucket=project.bucket, Key="in/a b+ü.json", Body=b"{}")
    (note,) = project.notes(1)
    (record,) = note["event"]["Records"]
    assert note["version"] == 1
    assert record["eventName"] == "ObjectCreated:Put"
    assert record["awsRegion"] == "us-east-1"
    assert record["s3"]["bucket"]["name"] == project.bucket
    assert record["s3"]["object"]["key"] == "in%2Fa+b%2B%C3%BC.json"
    assert record["s3"]["object"]["versionId"] == put["VersionId"]
    assert record["s3"]["object"]["eTag"] == put["ETag"].strip('"')
    assert record["s3"]["object"]["size"] == 2
    logged = eventually(
        lambda: cloud.client("logs").filter_log_events(logGroupName="/aws/lambda/tiny-local-on_drop")["events"]
    )
    assert note["request_id"] in logged[0]["message"]


def test_copies_and_multipart_uploads_wake_it_once_each_and_other_keys_do_not(
    cloud: LocalCloud, project: Project
) -> None:
    s3, bucket = cloud.client("s3"), project.bucket
    s3.put_object(Bucket=bucket, Key="elsewhere/x.json", Body=b"{}")
    s3.put_object(Bucket=bucket, Key="in/x.txt", Body=b"{}")
    s3.copy_object(Bucket=bucket, Key="in/x.json", CopySource={"Bucket": bucket, "Key": "in/x.txt"})
    upload = s3.create_multipart_upload(Bucket=bucket, Key="in/x.json")["UploadId"]
    part = s3.upload_part(Bucket=bucket, Key="in/x.json", UploadId=upload, PartNumber=1, Body=b"{}")
    s3.complete_multipart_upload(
        Bucket=bucket,
        Key="in/x.json",
        UploadId=upload,
        MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]},
    )
    records = [note["event"]["Records"][0] for note in project.notes(2)]
    by_order = sorted(records, key=lambda record: record["s3"]["object"]["sequencer"])
    names = [record["eventName"] for record in by_order]
    assert names == ["ObjectCreated:Copy", "ObjectCreated:CompleteMultipartUpload"]
    s3.put_object(Bucket=bucket, Key="in/last.json", Body=b"{}")
    (note,) = project.notes(1)  # only those two came before it
    assert note["event"]["Records"][0]["s3"]["object"]["key"] == "in%2Flast.json"


def test_a_handler_that_fails_twice_is_retried_and_succeeds_at_the_third_attempt(
    cloud: LocalCloud, project: Project
) -> None:
    cloud.client("s3").put_object(Bucket=project.bucket, Key="in/stumble.json", Body=b"{}")
    notes = project.notes(3)
    assert len({note["event"]["Records"][0]["s3"]["object"]["versionId"] for note in notes}) == 1
    table = cloud.client("dynamodb")

    def attempts() -> str:
        return str(table.get_item(TableName=project.bucket, Key={"id": {"S": "attempts"}})["Item"]["n"]["N"])

    eventually(lambda: attempts() == "3")


@pytest.mark.parametrize(
    ("headers", "status", "answer"),
    [
        (JSON, 401, {"message": "Unauthorized"}),
        ({**JSON, "Authorization": "Bearer wrong"}, 403, {"Message": "User is not authorized to access this resource"}),
        ({**JSON, "Authorization": "break"}, 500, {"message": None}),
        (RIGHT, 200, {"hello": "you"}),
    ],
)
def test_the_authorizer_decides_on_both_addresses(
    cloud: LocalCloud, api: str, headers: dict[str, str], status: int, answer: dict[str, Any]
) -> None:
    for address in (api, cloud.api_url):
        got = post(f"{address}/hello/you", headers=headers, data=b"{}")
        assert (got.status_code, got.json()) == (status, answer)


def test_a_changed_configuration_replaces_the_rest_apis_process_as_lambda_replaces_environments(
    cloud: LocalCloud, api: str
) -> None:
    before = post(f"{api}/hello/process", headers=RIGHT).json()
    assert post(f"{api}/hello/process", headers=RIGHT).json() == before
    client, name = cloud.client("lambda"), "tiny-local"
    variables = client.get_function_configuration(FunctionName=name)["Environment"]["Variables"]
    client.update_function_configuration(FunctionName=name, Environment={"Variables": variables})
    assert post(f"{api}/hello/process", headers=RIGHT).json() == before
    client.update_function_configuration(FunctionName=name, Environment={"Variables": {**variables, "NEW": "1"}})
    assert post(f"{api}/hello/process", headers=RIGHT).json() != before


def test_another_stages_api_is_answered_by_that_stages_functions(cloud: LocalCloud, project: Project, api: str) -> None:
    cloud.client("s3").create_bucket(Bucket=f"other-{project.bucket}")
    project.chalice("deploy", "other")
    project.configure("local")  # as if the stage had been added to another copy of the project
    address = f"{cloud.endpoint_url}/_aws/execute-api/{project.deployed('rest_api', 'other')['rest_api_id']}/api"
    assert post(f"{address}/hello/bucket", headers=RIGHT).json() == {"hello": f"other-{project.bucket}"}
    assert post(f"{api}/hello/bucket", headers=RIGHT).json() == {"hello": project.bucket}
    process = post(f"{api}/hello/process", headers=RIGHT).json()
    client, name = cloud.client("lambda"), "tiny-other"
    variables = client.get_function_configuration(FunctionName=name)["Environment"]["Variables"]
    client.update_function_configuration(FunctionName=name, Environment={"Variables": {**variables, "NEW": "1"}})
    assert post(f"{api}/hello/process", headers=RIGHT).json() == process
    project.configure("local", "other")
    project.chalice("delete", "other")
    assert post(f"{address}/hello/bucket", headers=RIGHT).status_code == 404


def test_the_authorizers_cache_of_a_stage_can_be_flushed(cloud: LocalCloud, project: Project) -> None:
    gateway, api = cloud.client("apigateway"), project.deployed("rest_api")["rest_api_id"]
    answer = gateway.flush_stage_authorizers_cache(restApiId=api, stageName="api")
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 202
    with pytest.raises(gateway.exceptions.NotFoundException):
        gateway.flush_stage_authorizers_cache(restApiId=api, stageName="other")


def test_handlers_of_a_schedule_and_of_the_ends_of_executions_are_woken(cloud: LocalCloud, project: Project) -> None:
    cloud.schedules.fire("tick")
    assert project.notes(1) == [{"ticked": "Scheduled Event"}]
    states, definition = cloud.client("stepfunctions"), {"StartAt": "A", "States": {"A": {"Type": "Succeed"}}}
    role = "arn:aws:iam::123456789012:role/machine"
    arn = states.create_state_machine(name="m", definition=json.dumps(definition), roleArn=role)["stateMachineArn"]
    states.start_execution(stateMachineArn=arn, name="first")
    assert project.notes(1) == [{"over": "first"}]


def test_bodies_arrive_as_api_gateway_passes_them(api: str) -> None:
    not_utf8 = b"\xff{}"
    assert post(f"{api}/length", data=not_utf8, headers=JSON).json() == {
        "bytes": len(not_utf8.decode(errors="replace").encode())
    }
    binary = {"Content-Type": "application/octet-stream"}
    assert post(f"{api}/binary", data=not_utf8, headers=binary).json() == {"bytes": 3}
    assert post(f"{api}/length", data=b"x" * 5_000_000, headers=JSON).json() == {"bytes": 5_000_000}
    assert post(f"{api}/length", data=b"x" * 11_000_000, headers=JSON).status_code == 413


def test_preflights_are_answered(api: str) -> None:
    answer = requests.options(f"{api}/hello/you", timeout=10)
    assert answer.status_code == 200
    assert answer.headers["Access-Control-Allow-Methods"] == "POST,OPTIONS"


def test_a_hundred_requests_at_once_are_answered(cloud: LocalCloud, api: str) -> None:
    for address in (api, cloud.api_url):
        with ThreadPoolExecutor(100) as many:
            answers = many.map(lambda _: post(f"{address}/length", data=b"{}", headers=JSON).status_code, range(100))  # noqa: B023
            assert set(answers) == {200}


def test_a_redeploy_runs_the_new_code_and_keeps_the_api(cloud: LocalCloud, project: Project, api: str) -> None:
    before = project.deployed("rest_api")["rest_api_id"]
    project.write(version=2)
    project.chalice("deploy")
    cloud.client("s3").put_object(Bucket=project.bucket, Key="in/again.json", Body=b"{}")
    assert project.notes(1)[0]["version"] == 2
    assert project.deployed("rest_api")["rest_api_id"] == before
    assert before in api


def test_delete_leaves_no_function_and_no_api(cloud: LocalCloud, project: Project) -> None:
    project.chalice("delete")
    assert cloud.client("lambda").list_functions()["Functions"] == []
    assert cloud.client("apigateway").get_rest_apis()["items"] == []
    assert cloud.client("events").list_rules()["Rules"] == []


def test_moto_still_cannot_flush_an_authorizers_cache(bare_moto: Bare) -> None:
    with pytest.raises(BREAKS):
        bare_moto.client("apigateway").flush_stage_authorizers_cache(restApiId="a", stageName="b")


def test_moto_still_refuses_swagger_2(bare_moto: Bare) -> None:
    swagger = {"swagger": "2.0", "info": {"title": "t", "description": "", "version": "1"}, "paths": {}}
    with pytest.raises(ClientError, match="Only OpenAPI 3"):
        bare_moto.client("apigateway").import_rest_api(body=json.dumps(swagger))


def test_moto_still_refuses_filter_names_with_a_capital(bare_moto: Bare) -> None:
    s3 = bare_moto.client("s3")
    s3.create_bucket(Bucket="filters")
    rule = {"Name": "Prefix", "Value": "in/"}
    function = {
        "LambdaFunctionArn": "arn:aws:lambda:us-east-1:123456789012:function:f",
        "Events": ["s3:ObjectCreated:*"],
        "Filter": {"Key": {"FilterRules": [rule]}},
    }
    with pytest.raises(ClientError, match="500"):
        s3.put_bucket_notification_configuration(
            Bucket="filters", NotificationConfiguration={"LambdaFunctionConfigurations": [function]}
        )


def test_moto_still_sends_two_events_for_one_multipart_upload_without_sequencer_and_version(
    bare_moto: Bare,
) -> None:
    s3, sqs = bare_moto.client("s3"), bare_moto.client("sqs")
    queue = sqs.create_queue(QueueName="events")["QueueUrl"]
    s3.create_bucket(Bucket="events")
    s3.put_bucket_versioning(Bucket="events", VersioningConfiguration={"Status": "Enabled"})
    target = {"QueueArn": "arn:aws:sqs:us-east-1:123456789012:events", "Events": ["s3:ObjectCreated:*"]}
    s3.put_bucket_notification_configuration(
        Bucket="events", NotificationConfiguration={"QueueConfigurations": [target]}
    )
    upload = s3.create_multipart_upload(Bucket="events", Key="k")["UploadId"]
    part = s3.upload_part(Bucket="events", Key="k", UploadId=upload, PartNumber=1, Body=b"{}")
    parts = {"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]}
    s3.complete_multipart_upload(Bucket="events", Key="k", UploadId=upload, MultipartUpload=parts)
    messages = sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10)["Messages"]
    records = [json.loads(message["Body"])["Records"][0] for message in messages if "Records" in message["Body"]]
    assert len(records) == 2
    assert all(set(record["s3"]["object"]) == {"key", "size", "eTag"} for record in records)

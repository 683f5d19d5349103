"""A tiny Chalice app to deploy to a local cloud."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from localcloud.cloud import LocalCloud

APP = '''
"""Answers on its routes, and sends each event that it gets to a queue."""

import json
import os

import boto3
from chalice import AuthResponse, Chalice, Rate

app = Chalice(app_name="tiny")
queue = os.environ["QUEUE_URL"]


def note(**what):
    boto3.client("sqs").send_message(QueueUrl=queue, MessageBody=json.dumps(what))


@app.authorizer()
def bearer(request):
    if request.token == "break":
        raise RuntimeError("broken on purpose")
    return AuthResponse(routes=["*"] if request.token == "Bearer right" else [], principal_id="someone")


@app.route("/hello/{name}", methods=["POST"], authorizer=bearer, cors=True)
def hello(name):
    return {"hello": {"process": os.getpid(), "bucket": os.environ["BUCKET"]}.get(name, name)}


@app.route("/length", methods=["POST"], content_types=["application/json", "text/plain"])
def length():
    return {"bytes": len(app.current_request.raw_body)}


@app.route("/binary", methods=["POST"], content_types=["application/octet-stream"])
def binary():
    return {"bytes": len(app.current_request.raw_body)}


@app.on_s3_event(bucket=os.environ["BUCKET"], prefix="in/", suffix=".json")
def on_drop(event):
    print("dropped", event.key)
    note(version=VERSION, request_id=event.context.aws_request_id, event=event.to_dict())
    if event.key.endswith("stumble.json") and not survived_two():
        raise RuntimeError("not yet")


@app.schedule(Rate(5, unit=Rate.MINUTES))
def tick(event):
    note(ticked=event.to_dict()["detail-type"])


@app.on_cw_event({"source": ["aws.states"], "detail": {"status": ["SUCCEEDED"]}})
def over(event):
    note(over=event.detail["name"])


def survived_two():
    table = boto3.client("dynamodb")
    answer = table.update_item(
        TableName=os.environ["BUCKET"], Key={"id": {"S": "attempts"}}, UpdateExpression="ADD n :one",
        ExpressionAttributeValues={":one": {"N": "1"}}, ReturnValues="UPDATED_NEW",
    )
    return int(answer["Attributes"]["n"]["N"]) > 2
'''


class Project:
    """The tiny Chalice app, deployed with Chalice's own command."""

    def __init__(self, cloud: LocalCloud, bucket: str, queue_url: str) -> None:
        self.path, self.cloud, self.bucket, self.queue_url = cloud.project, cloud, bucket, queue_url
        (self.path / ".chalice").mkdir()
        (self.path / "requirements.txt").touch()
        self.configure("local", "other")
        self.write(version=1)

    def configure(self, *stages: str) -> None:
        """Write the configuration, with these stages."""
        buckets = {"local": self.bucket, "other": f"other-{self.bucket}"}
        variables = {stage: {"BUCKET": buckets[stage], "QUEUE_URL": self.queue_url} for stage in stages}
        config = {
            "version": "2.0",
            "app_name": "tiny",
            "log_retention_in_days": 7,
            "stages": {stage: {"environment_variables": own} for stage, own in variables.items()},
        }
        (self.path / ".chalice" / "config.json").write_text(json.dumps(config))

    def write(self, version: int) -> None:
        (self.path / "app.py").write_text(APP.replace("VERSION", str(version)))

    def chalice(self, command: str, stage: str = "local") -> None:
        subprocess.run(
            [Path(sys.executable).with_name("chalice"), command, "--stage", stage],
            cwd=self.path,
            env={**os.environ, **self.cloud.environment},
            check=True,
            capture_output=True,
            timeout=60,
        )

    def deployed(self, name: str, stage: str = "local") -> dict[str, Any]:
        resources = json.loads((self.path / ".chalice" / "deployed" / f"{stage}.json").read_text())["resources"]
        return next(resource for resource in resources if resource["name"] == name)

    def notes(self, count: int) -> list[dict[str, Any]]:
        """Return the next `count` notes of the app's handlers; fail after a minute without them."""
        found: list[dict[str, Any]] = []
        deadline = time.monotonic() + 60
        while len(found) < count and time.monotonic() < deadline:
            answer = self.cloud.client("sqs").receive_message(QueueUrl=self.queue_url, WaitTimeSeconds=1)
            for message in answer.get("Messages", []):
                self.cloud.client("sqs").delete_message(QueueUrl=self.queue_url, ReceiptHandle=message["ReceiptHandle"])
                found.append(json.loads(message["Body"]))
        assert len(found) == count
        return found

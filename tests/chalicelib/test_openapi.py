"""docs/openapi.yaml is a valid OpenAPI description, and its routes, bodies and answers are those of the app."""

import json
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator
from openapi_spec_validator import OpenAPIV31SpecValidator

from chalicelib.credentials import sign
from tests import ROOT
from tests.chalicelib.fakes import SAMPLES, SECRET_VALUES, sample
from tests.chalicelib.test_jira_forms import ROWS

DESCRIPTION = yaml.safe_load((ROOT / "docs" / "openapi.yaml").read_text(encoding="utf-8"))
OPERATIONS = {
    (path, method.upper()): operation
    for path, item in DESCRIPTION["paths"].items()
    for method, operation in item.items()
}
CALLBACK = OPERATIONS["/jira/callback", "POST"]
NOT_DESCRIBED = {"flat-without-status"}  # the one sample that is answered 400
API_CALL = {"jiraStoryId": "PROJ-1", "packageIds": ["p"], "metadata": {}, "action": "validate"}


def validator(schema: Any) -> Any:
    return Draft202012Validator(schema | {"components": DESCRIPTION["components"]})


def described(operation: Any, status: Any) -> Any:
    """Return the validator of an answer; raises KeyError if its status is not described."""
    response = operation["responses"][str(status)]
    if "$ref" in response:
        response = DESCRIPTION["components"]["responses"][response["$ref"].rpartition("/")[2]]
    return validator(response["content"]["application/json"]["schema"])


def test_it_is_valid_openapi_3_1() -> None:
    OpenAPIV31SpecValidator(DESCRIPTION).validate()


def test_it_has_the_apps_routes_methods_and_content_types(cloud: Any) -> None:
    routes = {(path, method): entry for path, by in cloud.app.app.routes.items() for method, entry in by.items()}
    assert set(OPERATIONS) == set(routes)
    for route, operation in OPERATIONS.items():
        schemes = {name for each in operation["security"] for name in each}
        token = route[0].removeprefix("/mock/") + "Token"
        assert schemes == ({token} if routes[route].authorizer else {"automationSecret", "signature"})
        assert set(operation["requestBody"]["content"]) == {"application/json"}


@pytest.mark.parametrize("name", sorted(path.stem for path in SAMPLES.glob("*.json")))
def test_every_sample_is_a_body_it_describes(name: str) -> None:
    bodies = validator(CALLBACK["requestBody"]["content"]["application/json"]["schema"])
    assert bodies.is_valid(sample(name)) == (name not in NOT_DESCRIBED)


def test_every_answer_of_the_callback_is_one_it_describes(cloud: Any) -> None:
    seen = set()
    for name, _ in ROWS:
        for times in (1, 2):
            raw = json.dumps(sample(name) | ({"timestamp": 1} if times == 2 else {})).encode()
            for headers in ({"X-Hub-Signature": sign(raw, SECRET_VALUES["callback"])}, {}):
                response = cloud.http.post("/jira/callback", body=raw, headers=headers)
                described(CALLBACK, response.status_code).validate(response.json_body)
                seen.add(str(response.status_code))
    cloud.dynamodb.delete_table(TableName=cloud.app.TABLE)
    response = cloud.http.post(
        "/jira/callback", body=raw, headers={"Authorization": f"Bearer {SECRET_VALUES['automation']}"}
    )
    described(CALLBACK, response.status_code).validate(response.json_body)
    assert seen | {str(response.status_code)} == set(CALLBACK["responses"])


def test_every_answer_of_the_mocks_is_one_it_describes(cloud: Any) -> None:
    simulated = {"metadata": {"simulate": {"validation": {"status": 503}}}}
    right = {"Content-Type": "application/json", "Authorization": f"Bearer {SECRET_VALUES['validation']}"}
    requests: dict[str, tuple[Any, dict[str, Any]]] = {
        "200": (API_CALL, {}),
        "400": ([], {}),
        "401": (API_CALL, {"Authorization": None}),
        "403": (API_CALL, {"Authorization": "Bearer wrong"}),
        "415": (API_CALL, {"Content-Type": "text/plain"}),
        "default": (API_CALL | simulated, {}),
    }
    operation = OPERATIONS["/mock/validation", "POST"]
    assert set(requests) == set(operation["responses"])
    assert validator(operation["requestBody"]["content"]["application/json"]["schema"]).is_valid(API_CALL | simulated)
    for status, (body, changes) in requests.items():
        headers = {name: value for name, value in (right | changes).items() if value is not None}
        response = cloud.http.post("/mock/validation", body=json.dumps(body).encode(), headers=headers)
        assert str(response.status_code) == status.replace("default", "503")
        described(operation, status).validate(response.json_body)

"""API Gateway imports Swagger 2.0.

AWS: API Gateway API reference, `ImportRestApi` and `PutRestApi`. Swagger 2.0 is accepted, `info.description` is
optional, `mode=overwrite` replaces the API's whole definition; `chalice deploy` relies on all three.
moto 5.2.5 refuses Swagger 2.0, needs a description, fails on the integration responses of CORS preflights (MOCK
integrations), and after an overwrite keeps the API's name.
"""

import copy
from collections.abc import Callable
from typing import Any

from moto.apigateway.models import APIGatewayBackend, RestAPI

from localcloud.gaps.patching import Gap

gap = Gap()


@gap.wraps(APIGatewayBackend, "import_rest_api")
def _import_rest_api(
    original: Callable[..., RestAPI], backend: Any, api_doc: dict[str, Any], fail_on_warnings: bool
) -> RestAPI:
    doc = copy.deepcopy(api_doc)
    doc["info"].setdefault("description", "")
    return original(backend, doc, fail_on_warnings)


@gap.wraps(APIGatewayBackend, "put_rest_api")
def _put_rest_api(
    original: Callable[..., RestAPI],
    backend: Any,
    function_id: str,
    api_doc: dict[str, Any],
    fail_on_warnings: bool,
    mode: str = "merge",
) -> RestAPI:
    doc = _as_moto_reads_it(api_doc) if api_doc.get("swagger") == "2.0" else api_doc
    api = original(backend, function_id, doc, fail_on_warnings, mode)
    if mode == "overwrite":
        api.name = api_doc["info"]["title"]
    return api


def _as_moto_reads_it(api_doc: dict[str, Any]) -> dict[str, Any]:
    doc = copy.deepcopy(api_doc)
    del doc["swagger"]  # the parts that moto reads are the same in OpenAPI 3
    for methods in doc["paths"].values():
        for name, method in list(methods.items()):
            # Chalice's dev server gets the calls, and answers preflights itself.
            if method.get("x-amazon-apigateway-integration", {}).get("type", "").lower() == "mock":
                del methods[name]
    return doc

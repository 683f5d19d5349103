"""The answers of API Gateway around an authorizer.

AWS: FlushStageAuthorizersCache drops the cached answers of a stage's authorizers and answers 202; GetGatewayResponse
describes the default of a type that was not set. (API reference of these; developer guide,
supported-gateway-response-types.)
moto 5.2.5 does not know the first, and answers 404 for the second.
Here no answer is cached. `dev_server` answers with the status that was set for a failing authorizer.
"""

from collections.abc import Callable
from typing import Any

from moto.apigateway import urls
from moto.apigateway.exceptions import GatewayResponseNotFound
from moto.apigateway.models import GatewayResponse, RestAPI
from moto.apigateway.responses import APIGatewayResponse

from localcloud.gaps.patching import Gap

DEFAULTS = {
    "ACCESS_DENIED": "403",
    "AUTHORIZER_CONFIGURATION_ERROR": "500",
    "AUTHORIZER_FAILURE": "500",
    "THROTTLED": "429",
    "UNAUTHORIZED": "401",
}

gap = Gap()
gap.sets(
    urls.url_paths,
    "{0}/restapis/(?P<function_id>[^/]+)/stages/(?P<stage_name>[^/]+)/cache/authorizers$",
    APIGatewayResponse.dispatch,
)


@gap.replaces(APIGatewayResponse, "flush_stage_authorizers_cache")
def _flush(response: Any) -> tuple[int, dict[str, int], str]:
    _, _, api_id, _, stage, *_ = response.path.split("/")
    response.backend.get_stage(api_id, stage)  # raises what AWS answers
    return 202, {"status": 202}, ""


@gap.wraps(RestAPI, "get_gateway_response")
def _get_gateway_response(original: Callable[..., Any], api: Any, response_type: str) -> Any:
    try:
        return original(api, response_type)
    except GatewayResponseNotFound:
        if response_type not in DEFAULTS:
            raise
        default: Any = GatewayResponse(response_type, DEFAULTS[response_type], {}, {})
        default.default_response = True
        return default

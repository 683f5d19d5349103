"""API Gateway's cache of what a stage's authorizers have answered.

AWS: FlushStageAuthorizersCache drops them and answers 202 (API reference). moto 5.2.5 does not know the operation. Here
no answer is cached.
"""

from typing import Any

from moto.apigateway import urls
from moto.apigateway.responses import APIGatewayResponse

from localcloud.gaps.patching import Gap

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

"""S3 notification filters may be named `Prefix` and `Suffix`.

AWS accepts either case (S3 API reference, `FilterRule`: valid values `prefix | suffix`, compared without case);
`chalice deploy` writes them with a capital.
moto 5.2.5 asserts lower case, and its server answers 500.
"""

import re
from collections.abc import Callable
from typing import Any

from moto.s3.responses import S3Response

from localcloud.gaps.patching import Gap

gap = Gap()


@gap.wraps(S3Response, "_notification_config_from_body")
def _config_from_body(original: Callable[[Any], dict[str, Any]], response: Any) -> dict[str, Any]:
    if isinstance(response.body, bytes):
        response.body = response.body.decode()
    response.body = re.sub(
        r"<Name>(prefix|suffix)</Name>",
        lambda match: match.group().replace(match[1], match[1].lower()),
        response.body,
        flags=re.IGNORECASE,
    )
    return original(response)

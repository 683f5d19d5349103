"""An AWS on this machine for the commands that need one: `local` and `demo`."""

from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from localcloud import LocalCloudError
from localcloud.gaps.registry import check_moto
from storygate.stage.aws import LOCAL
from storygate.support.errors import OperatorError

if TYPE_CHECKING:
    from localcloud.cloud import LocalCloud


@contextmanager
def local_cloud(project: Path, aws_port: int = 0, api_port: int = 0) -> Iterator["LocalCloud"]:
    """Run a local cloud while the block runs; OperatorError if it cannot start: a taken port, another moto."""
    try:
        check_moto(version("moto"))  # first, because another moto may lack what LocalCloud imports of it
        # moto takes seconds to import, which the commands that work on AWS do not need.
        from localcloud.cloud import LocalCloud

        with LocalCloud(project, aws_port=aws_port, api_port=api_port, stage=LOCAL) as cloud:
            yield cloud
    except LocalCloudError as error:
        raise OperatorError(f"The local cloud: {error}", "Fix what it names, then run this again.") from error

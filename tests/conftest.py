"""What all tests share. Under pytest-xdist, the process that prints the summary reads this conftest.py alone."""

import gc
import os
from collections import Counter
from typing import Any

import localcloud.light  # noqa: F401 - makes moto start faster in tests without a local cloud, too; before moto

# isort: split
import moto.core.models
import pytest
from xdist.scheduler import LoadScopeScheduling

from tests import proofs

# What the shell exports is not for the tests, such as the local cloud's address that `storygate local` prints.
for name in [name for name in os.environ if name.startswith("AWS_")]:
    del os.environ[name]

# Each `mock_aws` would register 1,300 patterns of URLs for the package `requests`. We reach AWS by botocore alone.
moto.core.models.RESPONSES_METHODS.clear()


# What one worker must do in one go, the longest first: begun last, it would keep the other workers waiting at the end.
LONGEST = ("tests/e2e/", "tests/storygate/deployment/", "tests/storygate/checks/", "tests/protocol/", "tests/policies/")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Move the longest tests to the front."""
    places = {folder: place for place, folder in enumerate(LONGEST)}
    items.sort(key=lambda item: next((places[folder] for folder in LONGEST if item.nodeid.startswith(folder)), 9))


def pytest_collection_finish() -> None:
    """Keep the garbage collector from looking through what imports and collection have made, which stays."""
    gc.collect()
    gc.freeze()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add `--proofs`."""
    parser.addoption("--proofs", action="store_true", help="print the tables of what the tests prove")


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """Print what the tests prove, and one line for each reason why tests were skipped."""
    skipped = terminalreporter.stats.get("skipped", [])
    reasons = Counter(report.longrepr[2] for report in skipped if isinstance(report.longrepr, tuple))
    for reason, count in reasons.most_common():
        terminalreporter.write_line(f"{count} skipped: {reason.removeprefix('Skipped: ')}")
    proofs.show(terminalreporter, whole=config.getoption("--proofs"))


# What one worker runs, because it shares a cloud that takes seconds to start: stage `local`, and a moto without gaps
# filled. The second one's files are those that ask for `bare_moto`.
TOGETHER = {
    "stage": ("tests/e2e/",),
    "moto": tuple(f"tests/localcloud/test_{name}" for name in ("chalice_", "cloudformation_", "stepfunctions_gaps")),
}


class ByCloud(LoadScopeScheduling):  # type: ignore[misc]  # xdist is untyped
    """Send a file's tests to one worker, which makes their fixtures once; files that share a cloud go together."""

    def _split_scope(self, nodeid: str) -> str:
        path = nodeid.split("::")[0]
        return next((cloud for cloud, paths in TOGETHER.items() if path.startswith(paths)), path)


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> ByCloud:
    """Return our scheduler: `--dist loadgroup` of pytest-xdist 3.8 cannot rename the tests of pytest 9.2."""
    return ByCloud(config, log)

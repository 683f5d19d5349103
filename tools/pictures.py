"""`python -m tools.pictures` (`make pictures`): play runs in a local cloud and take the pictures of them for the docs.

Writes docs/pictures/{report,console,console-waiting,console-dialog,console-ended}{,-phone}{,-dark}.png. Needs Chromium
on the PATH (Debian: apt-get install chromium).
"""

import io
import json
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

from playwright.sync_api import Browser, sync_playwright

from storygate.commands.local_aws import local_cloud
from storygate.console.serving import console, reserved
from storygate.deployment.bring_up import deploy
from storygate.operations.jira_webhook import issue_updated
from storygate.operations.play_demo import DECISIONS
from storygate.operations.send_verdict import send_verdict
from storygate.report.coordinates import read_drawing
from storygate.report.page import page as report
from storygate.report.view import read_view
from storygate.runs.executions import Runs
from storygate.runs.history import History, follow
from storygate.runs.inputs import drop
from storygate.stage.aws import LOCAL, isolated
from storygate.stage.context import Context, load_context
from storygate.stage.project_copy import copy_project
from storygate.support.patience import Patience
from storygate.support.terminal import Terminal

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
QUIET = (
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"),
    *("--disable-component-update", "--disable-sync"),
)
ROOT = Path(__file__).resolve().parents[1]
SECONDS = 60.0
TRAIN = ["checkout-2.14.0", "payment-3.2.1", "cart-1.9.3"]
RUNS: tuple[tuple[str, str, dict[str, Any]], ...] = (
    ("invalid_input", "invalid_input", {}),
    ("timed_out", "timed_out", {}),
    ("api_failed", "api_failed", {}),
    ("rejected", "rejected", {}),
    ("approved", "approved", {}),
    ("approved", "train-41", {"jiraStoryId": "REL-481", "packageIds": TRAIN}),
    ("approved", "train-41-again", {"jiraStoryId": "REL-481", "packageIds": TRAIN}),
    ("approved", "hotfix", {"jiraStoryId": "REL-482", "packageIds": TRAIN[:1]}),
)
"""Sample, name of its input, and changes to the sample; runs of changed samples are left waiting."""
SCHEMES: tuple[tuple[Literal["light", "dark"], str], ...] = (("light", ""), ("dark", "-dark"))
WIDE, PHONE = 1280, 390
HEIGHTS = {"report": 1180, "console": 660, "console-waiting": 1000, "console-dialog": 800, "console-ended": 1000}
PHONE_HEIGHT = 844


@contextmanager
def chromium() -> Iterator[Browser]:
    """Start Chromium without a window, with an empty profile, and without its own network requests."""
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=QUIET)
        yield browser
        browser.close()


def main() -> int:
    """Take the pictures; return 1 without Chromium."""
    if not CHROMIUM:
        print("error: Chromium is not installed\n  fix: apt-get install chromium", file=sys.stderr)
        return 1
    with tempfile.TemporaryDirectory(prefix="storygate-pictures-") as directory:
        project = copy_project(ROOT, Path(directory))
        with local_cloud(project) as cloud:
            aws = isolated(cloud.client, cloud.environment)
            context = load_context(project, LOCAL, aws)
            deploy(context, Terminal(io.StringIO()))
            cloud.start_api()
            names = {run[1]: _play(context, *run) for run in RUNS}
            approved = Path(directory, "report.html")
            approved.write_text(report(read_view(context, names["approved"]), read_drawing(project)), encoding="utf-8")
            with reserved(0, "--port") as listener, console(context, listener, locked=False) as address:
                waiting, ended = (f"{address}/runs/{names[name]}" for name in ("train-41", "rejected"))
                _take(
                    {
                        "report": approved.as_uri(),
                        "console": address,
                        "console-waiting": waiting,
                        "console-dialog": waiting,
                        "console-ended": ended,
                    }
                )
    return 0


def _play(context: Context, sample: str, name: str, changes: dict[str, Any]) -> str:
    """Play a sample to its end, or with changes until it waits; return the run's name."""
    request = json.loads((ROOT / "samples" / f"{sample}.json").read_text(encoding="utf-8")) | changes
    run = drop(context.client("s3"), context.stage.bucket, f"{name}.json", json.dumps(request).encode()).execution
    history = History(context.client("stepfunctions"), Runs(context).arn(run))
    waits = sample in DECISIONS
    follow(history, Patience(SECONDS), lambda _: None, until=lambda: waits and history.waiting_since is not None)
    if waits and not changes:
        send_verdict(context, issue_updated(request["jiraStoryId"], DECISIONS[sample]))
        follow(history, Patience(SECONDS), lambda _: None)
    return run


def _take(addresses: dict[str, str]) -> None:
    target = ROOT / "docs" / "pictures"
    target.mkdir(exist_ok=True)
    with chromium() as browser:
        for name, address in addresses.items():
            for width, height, size in ((WIDE, HEIGHTS[name], ""), (PHONE, PHONE_HEIGHT, "-phone")):
                for scheme, suffix in SCHEMES:
                    tab = browser.new_page(viewport={"width": width, "height": height}, color_scheme=scheme)
                    tab.goto(address)
                    if name == "console-dialog":
                        tab.get_by_role("button", name="Approve…").click()
                    path = target / f"{name}{size}{suffix}.png"
                    tab.screenshot(path=path)
                    print(f"{path.relative_to(ROOT)}: {path.stat().st_size / 1000:.0f} kB")
                    tab.close()


if __name__ == "__main__":
    sys.exit(main())

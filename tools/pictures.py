"""`python -m tools.pictures` (`make pictures`): play runs in a local cloud and take the pictures of them for the docs.

Writes docs/pictures/{report,console,console-waiting,console-dialog,console-ended}{,-phone}{,-dark}.png, and
{board,together}{,-dark}.png: the stories, and one with its run and its result side by side. Needs Chromium on the PATH
(Debian: apt-get install chromium).
"""

import base64
import html
import io
import json
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from playwright.sync_api import Browser, Page, sync_playwright

from localcloud.jira.local_jira import LocalJira
from localcloud.jira.site_data import PEOPLE
from storygate.commands.local_aws import local_cloud
from storygate.commands.local_jira import SITE, connect, local_jira
from storygate.console.serving import console, reserved
from storygate.deployment.bring_up import deploy
from storygate.operations.play_demo import DECISIONS
from storygate.operations.sweep_now import sweep_now
from storygate.report.coordinates import read_drawing
from storygate.report.page import page as report
from storygate.report.view import read_view
from storygate.runs.executions import Runs
from storygate.runs.history import History, follow
from storygate.runs.inputs import drop
from storygate.runs.result_files import read_result
from storygate.stage.aws import LOCAL, LOCAL_REGION, isolated
from storygate.stage.config import load_stage
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
TARGET = ROOT / "docs" / "pictures"
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
HEIGHTS = {"report": 1180, "board": 760, "console": 660, "console-dialog": 800}
HEIGHTS |= {"console-waiting": 1000, "console-ended": 1000}
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
        stage = load_stage(ROOT, LOCAL, LOCAL_REGION)
        with local_jira(stage) as jira, reserved(0, "--port") as listener:
            jira.site.issue("REL-481").summary = "Release train 41"
            jira.site.issue("REL-482").summary = "Hotfix for the checkout"
            project = copy_project(ROOT, Path(directory), {SITE: jira.url})
            with local_cloud(project) as cloud:
                context = load_context(project, LOCAL, isolated(cloud.client, cloud.environment))
                deploy(context, Terminal(io.StringIO()))
                cloud.start_api()
                connect(context, jira)
                names = {run[1]: _play(context, jira, *run) for run in RUNS}
                sweep_now(context)  # makes the links of waiting runs
                approved = Path(directory, "report.html")
                view = read_view(context, names["approved"])
                approved.write_text(report(view, read_drawing(project)), encoding="utf-8")
                with console(context, listener, locked=False) as address:
                    waiting, ended = (f"{address}/runs/{names[name]}" for name in ("train-41", "rejected"))
                    pages = {
                        "report": approved.as_uri(),
                        "board": jira.url,
                        "console": address,
                        "console-waiting": waiting,
                        "console-dialog": waiting,
                        "console-ended": ended,
                    }
                    result = read_result(context.client("s3"), stage.bucket, names["approved"]) or {}
                    with chromium() as browser:
                        _take(browser, pages)
                        for scheme, suffix in SCHEMES:
                            page = Together(browser, scheme, Path(directory))
                            page.take(jira.url, f"{address}/runs/{names['approved']}", result, f"together{suffix}.png")
    return 0


def _play(context: Context, jira: LocalJira, sample: str, name: str, changes: dict[str, Any]) -> str:
    """Play a sample to its end, or with changes until it waits; return the run's name."""
    request = json.loads((ROOT / "samples" / f"{sample}.json").read_text(encoding="utf-8")) | changes
    run = drop(context.client("s3"), context.stage.bucket, f"{name}.json", json.dumps(request).encode()).execution
    history = History(context.client("stepfunctions"), Runs(context).arn(run))
    waits = sample in DECISIONS
    follow(history, Patience(SECONDS), lambda _: None, until=lambda: waits and history.waiting_since is not None)
    if waits and not changes:
        story = request["jiraStoryId"]
        jira.site.transition(story, "Done" if DECISIONS[sample] == "approved" else "Rejected", user=PEOPLE[0])
        follow(history, Patience(SECONDS), lambda _: None)
        patience = Patience(SECONDS)
        while not jira.site.issue(story).comments and patience.pause():
            pass
    return run


def _take(browser: Browser, addresses: dict[str, str]) -> None:
    for name, address in addresses.items():
        sizes = [(WIDE, HEIGHTS[name], ""), (PHONE, PHONE_HEIGHT, "-phone")]
        for width, height, size in sizes[:1] if name == "board" else sizes:
            for scheme, suffix in SCHEMES:
                tab = browser.new_page(viewport={"width": width, "height": height}, color_scheme=scheme)
                tab.goto(address)
                if name == "console-dialog":
                    tab.get_by_role("button", name="Approve…").click()
                if name == "board":
                    tab.locator(".card").first.wait_for()
                _keep(tab, f"{name}{size}{suffix}.png")
                tab.close()


def _keep(tab: Page, name: str) -> None:
    path = TARGET / name
    TARGET.mkdir(exist_ok=True)
    tab.screenshot(path=path)
    print(f"{path.relative_to(ROOT)}: {path.stat().st_size / 1000:.0f} kB")


@dataclass(frozen=True)
class Together:
    """The picture of a story, its run and its result side by side, made of pictures of each."""

    browser: Browser
    scheme: Literal["light", "dark"]
    directory: Path

    def take(self, jira: str, run: str, result: dict[str, Any], name: str) -> None:
        """Take the parts, then the whole; `jira` and `run` are addresses."""
        story = f"{jira}/browse/{result['jiraStoryId']}"
        kept = {field: result[field] for field in ("execution", "jiraStoryId", "packageIds", "metadata", "outcome")}
        kept |= {"reason": result["reason"], "apis": "…", "decision": result["decision"]}
        text = html.escape(json.dumps(kept, indent=2, ensure_ascii=False))
        parts = [
            ("1. The story is moved to Done", self._part(story, ".card.chosen", PHONE, 900)),
            ("2. The run, which waited, goes on", self._part(run, "", 600, 700)),
            ("3. The result is in S3", f"<pre>{text}</pre>"),
        ]
        sections = "".join(f"<section><h2>{title}</h2>{part}</section>" for title, part in parts)
        page = self.directory / "together.html"
        page.write_text(f"<!doctype html><meta charset=utf-8><style>{STYLE}</style>{sections}", encoding="utf-8")
        tab = self.browser.new_page(viewport={"width": WIDE, "height": 560}, color_scheme=self.scheme)
        tab.goto(page.as_uri())
        _keep(tab, name)
        tab.close()

    def _part(self, address: str, element: str, width: int, height: int) -> str:
        tab = self.browser.new_page(
            viewport={"width": width, "height": height}, color_scheme=self.scheme, device_scale_factor=2
        )
        tab.goto(address)
        tab.locator(element or "main").first.wait_for()
        picture = tab.locator(element).screenshot() if element else tab.screenshot()
        tab.close()
        return f'<img src="data:image/png;base64,{base64.b64encode(picture).decode()}">'


STYLE = """
:root { color-scheme: light dark; --page: #f6f7f9; --card: #fff; --text: #1c2430; --line: #d8dce3; }
@media (prefers-color-scheme: dark) { :root { --page: #14171c; --card: #1c2027; --text: #e6e9ee; --line: #363d49; } }
body { display: grid; grid-template-columns: 1fr 1.9fr 1.75fr; gap: 20px; margin: 0; padding: 20px; height: 520px;
  background: var(--page); color: var(--text); font: 14px/1.45 system-ui, sans-serif; overflow: hidden; }
section { display: flex; flex-direction: column; min-width: 0; min-height: 0; }
h2 { margin: 0 0 10px; font-size: 15px; font-weight: 650; }
img { width: 100%; border-radius: 10px; }
section:nth-child(2) img { border: 1px solid var(--line); }
pre { flex: 1; margin: 0; padding: 14px; border: 1px solid var(--line); border-radius: 10px; background: var(--card);
  font: 12px/1.5 ui-monospace, "DejaVu Sans Mono", monospace; white-space: pre-wrap; overflow: hidden; }
"""


if __name__ == "__main__":
    sys.exit(main())

"""Scale: of a thousand waiting runs none is lost or resumed twice, no callback is slower, memory is bounded."""

import gc
import json
import random
import statistics
import time
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from benchmarks.local_stage import Callback, LocalStage, awaited, local_stage
from benchmarks.table import Figure
from storygate.operations import jira_webhook
from storygate.runs.result_files import LOGS, RESULTS

FEW = 10
PROBES = 40  # callbacks that are timed at each level
RATIO = 1.3
KILOBYTES = 500  # of memory a waiting run may take
PATIENCE = 600.0


def run(quick: bool) -> Sequence[Figure]:
    """Time callbacks with 10, 1,000, 100 (`quick`: 10, 100, 30) and again with 10 runs waiting."""
    many, some = (100, 30) if quick else (1000, 100)
    with local_stage() as stage:
        scale = _Scale(stage)
        scale.bring_up(PROBES)  # warm everything up
        scale.time_callbacks(PROBES)
        before = scale.times_with(FEW)
        empty, first, began = _resident(), scale.started, time.perf_counter()
        scale.bring_up(many + PROBES - FEW)
        up_seconds, new = time.perf_counter() - began, scale.started - first
        filled = _resident()
        loaded = scale.time_callbacks(PROBES)
        scale.resume_all_but(some)
        between = scale.times_with(some)
        scale.resume_all_but(FEW)
        after = scale.times_with(FEW)
        scale.resume_all_but(0)
        ended = _resident()
        lost, twice = scale.lost_and_twice()
    each = (filled - empty) / new / 1000
    kept = (ended - empty) / (scale.started - first) / 1000
    return [
        Figure(f"lost, of {scale.started:,} runs", str(lost), "0", lost == 0, must=True),
        Figure("resumed twice, every callback sent twice", str(twice), "0", twice == 0, must=True),
        _slower(some, between, before, after),
        _slower(many, loaded, before, after),
        Figure("memory of a waiting run", f"{each:.0f} kB", f"under {KILOBYTES} kB", each < KILOBYTES),
        Figure("memory kept of an ended run", f"{kept:.0f} kB", None, None, "its history and files, as AWS keeps them"),
        Figure(f"{new:,} runs from drop to waiting", f"{up_seconds:.0f} s", None, None, "all in one process"),
    ]


def _slower(count: int, times: list[float], before: list[float], after: list[float]) -> Figure:
    """Compare callbacks with `count` waiting runs with those with `FEW`, before and after."""
    ratio = _usual(times) / _usual(before + after)
    shown = [f"{_usual(seconds) * 1000:.0f} ms" for seconds in (times, before, after)]
    return Figure(
        f"a callback with {count:,} waiting, to one with {FEW}",
        f"{ratio:.2f}",
        f"under {RATIO}",
        ratio < RATIO,
        f"{shown[0]}; {FEW} before: {shown[1]}, after: {shown[2]}",
    )


class _Scale:
    def __init__(self, stage: LocalStage) -> None:
        self.stage = stage
        self.started = 0
        self.waiting: list[str] = []
        self.resumed: Counter[str] = Counter()  # by execution

    def bring_up(self, count: int) -> None:
        """Drop that many inputs, each of a story of its own, and wait until all of their runs wait."""
        stories = [f"SCALE-{self.started + number}" for number in range(1, count + 1)]
        self.started += count
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(self._drop, stories))
        self.waiting += stories
        awaited(f"{len(self.waiting)} waiting", lambda: len(self.stage.waiting()) >= len(self.waiting), PATIENCE)

    def times_with(self, count: int) -> list[float]:
        """Seconds of `PROBES` callbacks, each of which resumes a run, while `count` others wait."""
        self.bring_up(count + PROBES - len(self.waiting))
        return self.time_callbacks(PROBES)

    def time_callbacks(self, count: int) -> list[float]:
        """Seconds of each callback, one after another; then all of them are sent again, untimed."""
        stories, self.waiting = self.waiting[-count:], self.waiting[:-count]
        answers = []
        for story in stories:
            answers.append(self._call_back(story))
            time.sleep(0.1)  # the resumed run writes its files meanwhile
        self._count([*answers, *map(self._call_back, stories)])
        return [answer.seconds for answer in answers]

    def resume_all_but(self, count: int) -> None:
        """Send every callback twice, in random order, and wait until the runs have ended."""
        stories, self.waiting = self.waiting[count:], self.waiting[:count]
        sends = stories * 2
        random.Random(6).shuffle(sends)  # noqa: S311, an order
        with ThreadPoolExecutor(4) as pool:
            self._count(list(pool.map(self._call_back, sends)))
        awaited("all ended", lambda: len(self._running()) == count, PATIENCE)

    def lost_and_twice(self) -> tuple[int, int]:
        """The number of runs without the right outcome, and of those resumed more than once."""
        written = self.stage.files(RESULTS) & self.stage.files(LOGS)
        right = {name for name in self.resumed if name in written and self._outcome(name) == "approved"}
        stories = Counter(name.rpartition("-")[0] for name in right)
        lost = sum(stories[f"SCALE-{number}"] != 1 for number in range(1, self.started + 1))
        return lost, sum(times > 1 for times in self.resumed.values())

    def _count(self, answers: list[Callback]) -> None:
        self.resumed.update(execution for answer in answers for execution in answer.body.get("resumed", []))

    def _running(self) -> list[str]:
        return [name for name, execution in self.stage.executions().items() if execution["status"] == "RUNNING"]

    def _outcome(self, execution: str) -> str:
        return str(self.stage.result(execution).get("outcome"))

    def _drop(self, story: str) -> None:
        self.stage.drop(f"{story}.json", json.dumps({"jiraStoryId": story, "packageIds": ["pkg-001"]}).encode())

    def _call_back(self, story: str) -> Callback:
        return self.stage.call_back(jira_webhook.encode(jira_webhook.issue_updated(story, "approved")))


def _usual(times: list[float]) -> float:
    """The lower quartile: other work of the machine makes callbacks slower, never faster."""
    return statistics.quantiles(times, n=4)[0]


def _resident() -> int:
    """Resident bytes of this process, in which the whole local cloud but its functions runs."""
    gc.collect()
    status = Path("/proc/self/status").read_text()
    return 1024 * int(next(line.split()[1] for line in status.splitlines() if line.startswith("VmRSS")))

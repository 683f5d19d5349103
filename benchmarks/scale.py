"""A thousand runs wait at once on the local cloud: nothing lost, nothing twice, no callback slower, memory bounded."""

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
from storygate import jira

NAME = "scale"
FEW = 10
PROBES = 40  # callbacks that are timed at each level
RATIO = 1.3
KILOBYTES = 500  # of memory a waiting run may take
PATIENCE = 600.0


def run(quick: bool) -> Sequence[Figure]:
    """Times callbacks with 10, with 1,000 (`quick`: 100) and again with 10 runs waiting."""
    many = 100 if quick else 1000
    with local_stage() as stage:
        scale = _Scale(stage)
        scale.bring_up(PROBES)  # what is warm stays warm
        scale.time_callbacks(PROBES)
        before = scale.times_with(FEW)
        empty = _megabytes()
        began = time.perf_counter()
        loaded = scale.times_with(many)
        filled, up_seconds = _megabytes(), time.perf_counter() - began
        lost, twice = scale.resume_all_but(FEW)
        after = scale.times_with(FEW)
        lost += scale.resume_all_but(0)[0]
        gc.collect()
        ended = _megabytes()
    ratio = _usual(loaded) / _usual(before + after)
    each = (filled - empty) / (many - FEW) * 1024
    kept = (ended - empty) / scale.started * 1024
    return [
        Figure(f"lost, of {scale.started} runs", str(lost), "0", lost == 0, must=True),
        Figure("resumed twice, every callback sent twice", str(twice), "0", twice == 0, must=True),
        Figure(
            f"a callback with {many} waiting, to one with {FEW}",
            f"{ratio:.2f}",
            f"under {RATIO}",
            ratio < RATIO,
            f"{_usual(loaded) * 1000:.0f} ms; {FEW} before: {_usual(before) * 1000:.0f} ms,"
            f" after: {_usual(after) * 1000:.0f} ms",
        ),
        Figure("memory of a waiting run", f"{each:.0f} kB", f"under {KILOBYTES} kB", each < KILOBYTES),
        Figure("memory kept of an ended run", f"{kept:.0f} kB", None, None, "its history and files, as AWS keeps them"),
        Figure(f"{many} runs from drop to waiting", f"{up_seconds:.0f} s", None, None, "all in one process"),
    ]


class _Scale:
    def __init__(self, stage: LocalStage) -> None:
        self.stage = stage
        self.started = 0
        self.waiting: list[str] = []

    def bring_up(self, count: int) -> None:
        """Drops that many inputs, each of a story of its own, and waits until all of them wait."""
        stories = [f"SCALE-{self.started + number}" for number in range(count)]
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
        stories, self.waiting = self.waiting[-count:], self.waiting[:-count]
        times = []
        for story in stories:
            times.append(self._call_back(story).seconds)
            time.sleep(0.1)  # the resumed run writes its files meanwhile
        return times

    def resume_all_but(self, count: int) -> tuple[int, int]:
        """Sends every callback twice, in random order; how many runs were lost, how many resumed more than once."""
        stories, self.waiting = self.waiting[count:], self.waiting[:count]
        sends = stories * 2
        random.Random(6).shuffle(sends)  # noqa: S311, an order
        with ThreadPoolExecutor(4) as pool:
            answers = list(pool.map(self._call_back, sends))
        resumed = Counter(execution for answer in answers for execution in answer.body.get("resumed", []))
        awaited("all ended", lambda: len(self._running()) == count, PATIENCE)
        gone = [story for story in stories if sum(name.startswith(f"{story}-") for name in resumed) != 1]
        written = self.stage.files("outputs/") & self.stage.files("logs/")
        lost = set(gone) | {name for name in resumed if name not in written or self._outcome(name) != "approved"}
        return len(lost), sum(times > 1 for times in resumed.values())

    def _running(self) -> list[str]:
        return [name for name, told in self.stage.executions().items() if told["status"] == "RUNNING"]

    def _outcome(self, execution: str) -> str:
        return str(self.stage.result(execution).get("outcome"))

    def _drop(self, story: str) -> None:
        self.stage.drop(f"{story}.json", json.dumps({"jiraStoryId": story, "packageIds": ["pkg-001"]}).encode())

    def _call_back(self, story: str) -> Callback:
        return self.stage.call_back(jira.encode(jira.issue_updated(story, "approved")))


def _usual(times: list[float]) -> float:
    """The lower quartile: what else the machine does makes callbacks slower, never faster."""
    return statistics.quantiles(times, n=4)[0]


def _megabytes() -> float:
    """Resident memory of this process, in which the whole local cloud but its functions runs."""
    gc.collect()
    status = Path("/proc/self/status").read_text()
    return int(next(line.split()[1] for line in status.splitlines() if line.startswith("VmRSS"))) / 1024

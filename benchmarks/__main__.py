"""`python -m benchmarks [NAME …]`: measure, and print each figure beside its goal."""

import argparse
import importlib
import shutil
import sys
import traceback
from collections.abc import Callable, Collection, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks.table import Figure, markdown, missed, show
from storygate.support.terminal import Terminal

NAMES = ("cold_start", "callback", "many_runs", "workflow", "scale", "drops", "throttling", "chaos", "hostile")
PAGE = Path(__file__).resolve().parents[1] / "docs" / "measured.md"
BEGIN, END = "<!-- tables: python -m benchmarks --write -->", "<!-- end of the tables -->"


def main(
    arguments: Sequence[str] | None = None,
    load: Callable[[str], Any] = lambda name: importlib.import_module(f"benchmarks.{name}"),
    page: Path = PAGE,
) -> int:
    """Run the command: 0, also if a goal of speed or cost was missed; 1 if something was lost, doubled or wrong.

    A benchmark that raises counts as wrong, and the others still run. `load` finds a benchmark's module by its name.
    """
    args = _parsed(arguments)
    names = [name for name in NAMES if name in args.names or not args.names]
    terminal = Terminal()
    for text in lacking(names):
        terminal.warn(text)
    results: list[Figure] = []
    for name in names:
        try:
            module = load(name)
            title = (module.__doc__ or name).strip().splitlines()[0]
            terminal.step(title)
            figures = module.run(args.quick)
        except Exception:  # noqa: BLE001 - one benchmark's mistake must not lose what the others measured
            traceback.print_exc()
            results.append(Figure(name, "not measured", "a measurement", False, must=True))
            terminal.fail(results[-1].shortfall)
            continue
        results += figures
        show(figures)
        if args.write:  # at once, so that a later failure loses nothing
            now = written(page.read_text(encoding="utf-8"), {name: (title, figures)}, datetime.now(UTC))
            page.write_text(now, encoding="utf-8")
    wrong = missed(results)
    terminal.say(f"{len(wrong)} of {sum(figure.met is not None for figure in results)} goals missed")
    for figure in wrong:
        terminal.fail(figure.shortfall)
    return int(any(figure.must for figure in wrong))


def _parsed(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser("python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"some of {', '.join(NAMES)} (default: all)")
    parser.add_argument("--quick", action="store_true", help="measure the same in fewer rounds: the figures are rough")
    parser.add_argument("--write", action="store_true", help="also write the measured tables to docs/measured.md")
    args = parser.parse_args(arguments)
    if unknown := set(args.names) - set(NAMES):
        parser.error(f"no benchmark is called {', '.join(sorted(unknown))}")
    return args


def lacking(
    names: Collection[str],
    which: Callable[[str], str | None] = shutil.which,
    memory: Path = Path("/proc/self/status"),
) -> list[str]:
    """The tools that this machine lacks, each with what is not measured without it."""
    found = []
    if "scale" in names and not memory.exists():
        found.append(f"scale cannot run: there is no {memory}, where Linux reports the memory of a process")
    if "hostile" in names and not which("wrk"):
        found.append("hostile will have no flood: wrk is not installed (apt-get install wrk)")
    return found


def written(page: str, measured: dict[str, tuple[str, Sequence[Figure]]], at: datetime) -> str:
    """The page with the new table of each measured benchmark; the others keep their last one."""
    before, _, rest = page.partition(BEGIN)
    old, _, after = rest.partition(END)
    tables = {name: block for name in NAMES if (block := _block(old, name))}
    for name, (title, figures) in measured.items():
        tables[name] = f"<!-- {name} -->\n{markdown(title, figures)}\nMeasured {at:%Y-%m-%d}.\n<!-- /{name} -->"
    return f"{before}{BEGIN}\n\n" + "\n\n".join(tables[name] for name in NAMES if name in tables) + f"\n\n{END}{after}"


def _block(text: str, name: str) -> str:
    begin, end = f"<!-- {name} -->", f"<!-- /{name} -->"
    return begin + text.partition(begin)[2].partition(end)[0] + end if begin in text else ""


if __name__ == "__main__":
    sys.exit(main())

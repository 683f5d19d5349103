"""`python -m benchmarks [NAME …]`: measures, and prints each figure beside its goal."""

import argparse
import importlib
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.table import Figure, markdown, missed, show

NAMES = ("cold_start", "callback", "workflow", "scale", "chaos", "hostile")
PAGE = Path(__file__).resolve().parents[1] / "docs" / "performance.md"
BEGIN, END = "<!-- tables: python -m benchmarks --write -->", "<!-- end of the tables -->"


def main(arguments: Sequence[str] | None = None) -> int:
    """The command: 0, also where a goal of speed or cost was missed, or 1 if something was lost, doubled or wrong."""
    parser = argparse.ArgumentParser("python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"some of {', '.join(NAMES)} (default: all)")
    parser.add_argument("--quick", action="store_true", help="fewer rounds: the figures are rough, the way is the same")
    parser.add_argument("--write", action="store_true", help="write the tables measured to docs/performance.md as well")
    args = parser.parse_args(arguments)
    if unknown := set(args.names) - set(NAMES):
        parser.error(f"no benchmark is called {', '.join(sorted(unknown))}")
    measured: dict[str, tuple[str, Sequence[Figure]]] = {}
    for name in (name for name in NAMES if name in args.names or not args.names):
        module = importlib.import_module(f"benchmarks.{name}")
        title = (module.__doc__ or name).strip().splitlines()[0]
        measured[name] = title, module.run(args.quick)
        show(*measured[name])
    if args.write:
        PAGE.write_text(written(PAGE.read_text(encoding="utf-8"), measured, datetime.now(UTC)), encoding="utf-8")
    wrong = [figure for _, figures in measured.values() for figure in missed(figures)]
    goals = sum(figure.met is not None for _, figures in measured.values() for figure in figures)
    print(f"{len(wrong)} of {goals} goals missed")
    return int(any(figure.must for figure in wrong))


def written(page: str, measured: dict[str, tuple[str, Sequence[Figure]]], at: datetime) -> str:
    """The page with each measured benchmark's table in its place; those not measured keep their last one."""
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

"""Output for people: colours and a spinner on a terminal, plain lines in a log or a pipe."""

import sys
from collections.abc import Sequence
from contextlib import AbstractContextManager
from getpass import getpass
from io import TextIOWrapper
from typing import TextIO

from rich.console import Console, RenderableType
from rich.live import Live
from rich.status import Status
from rich.table import Table
from rich.text import Text

from storygate.support.errors import OperatorError

# Text from Jira and the APIs may hold control characters, which must not move the cursor or do worse.
UNPRINTABLE = {code: "\N{REPLACEMENT CHARACTER}" for code in (*range(32), *range(127, 160)) if chr(code) not in "\n\t"}


class Terminal:
    """Shows progress. Every line is flushed at once, so that a log shows it while the command still runs."""

    def __init__(self, stream: TextIO | None = None) -> None:
        stream = stream or sys.stdout
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="replace")  # a C locale has no check marks
        # No markup and no wrapping: names from AWS may hold brackets, and a log line must stay one line.
        self._console = Console(file=stream, highlight=False, markup=False, emoji=False, soft_wrap=True)

    @property
    def interactive(self) -> bool:
        """Whether the operator can be asked: both ends are a terminal."""
        return sys.stdin.isatty() and self._console.is_terminal

    @property
    def can_redraw(self) -> bool:
        """Whether lines can be redrawn: a terminal, and not one that can only append."""
        return self._console.is_terminal and not self._console.is_dumb_terminal

    def redrawn(self, picture: RenderableType) -> AbstractContextManager[object]:
        """Redraw a picture four times a second while the block runs; its last state remains. Needs `can_redraw`."""
        return Live(picture, console=self._console, refresh_per_second=4)

    def step(self, text: str) -> None:
        """Show that a step begins."""
        self._print("▸ ", text, "bold")

    def detail(self, text: str) -> None:
        """Show a detail of the step."""
        self._print("  ", text, "dim")

    def done(self, text: str) -> None:
        """Show a success."""
        self._print("✓ ", text, "green")

    def warn(self, text: str) -> None:
        """Show a warning: nothing is broken, but the operator should know."""
        self._print("! ", text, "yellow")

    def fail(self, text: str) -> None:
        """Show a failure after which the command continues."""
        self._print("✗ ", text, "red")

    def say(self, text: str = "") -> None:
        """Show plain text, such as a command to copy."""
        self._print("", text, "")

    def waiting(self, text: str) -> Status:
        """Show a spinner while the block runs; nothing on a plain stream."""
        return self._console.status(Text(text))

    def table(self, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        """Show rows under columns: a table on a terminal, aligned lines for `grep` and `awk` on a plain stream."""
        clean = [[cell.translate(UNPRINTABLE) for cell in row] for row in rows]
        if self._console.is_terminal:
            table = Table(*columns, box=None, pad_edge=False, header_style="bold")
            for row in clean:
                table.add_row(*(Text(cell) for cell in row))
            self._console.print(table, soft_wrap=False)
            return
        widths = [max(map(len, cells)) for cells in zip(columns, *clean, strict=True)]
        for line in (columns, *clean):
            self.say("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())

    def ask(self, question: str) -> str:
        """Ask the operator; return the answer without blanks around it."""
        return self._console.input(Text(question)).strip()

    def ask_hidden(self, question: str) -> str:
        """Ask the operator for a secret, without showing it. If there is no terminal, take a line of standard input."""
        if sys.stdin.isatty():
            return getpass(question).strip()
        return sys.stdin.readline().strip()

    def confirm(self, name: str, undone: str) -> None:
        """Ask the operator to type a stage's name; raises OperatorError for another answer.

        `undone` says what did not happen then: `nothing was deleted`.
        """
        if self.ask(f"Type the stage's name to continue ({name}): ") != name:
            raise OperatorError(f"Not confirmed; {undone}.", f"Type {name}, or add --yes.")

    def _print(self, mark: str, text: str, style: str) -> None:
        self._console.print(Text(mark + text.translate(UNPRINTABLE), style=style))

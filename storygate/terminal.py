"""What the operator sees: colours and a spinner on a terminal, plain lines in a log or a pipe."""

import sys
from contextlib import AbstractContextManager
from io import TextIOWrapper
from typing import TextIO

from rich.console import Console
from rich.text import Text


class Terminal:
    """Progress for people. Every line is flushed at once, so that a log shows it while the command still runs."""

    def __init__(self, stream: TextIO | None = None) -> None:
        stream = stream or sys.stdout
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="replace")  # a C locale knows no check marks
        # No markup and no wrapping: names from AWS may hold brackets, and a log line must stay one line.
        self._console = Console(file=stream, highlight=False, markup=False, emoji=False, soft_wrap=True)

    @property
    def interactive(self) -> bool:
        """Whether somebody can be asked: both ends are a terminal."""
        return sys.stdin.isatty() and self._console.is_terminal

    def step(self, text: str) -> None:
        """A new step begins."""
        self._print("▸ ", text, "bold")

    def detail(self, text: str) -> None:
        """Something happened within the step."""
        self._print("  ", text, "dim")

    def done(self, text: str) -> None:
        """The step is done."""
        self._print("✓ ", text, "green")

    def warn(self, text: str) -> None:
        """Nothing is broken, but the operator should know."""
        self._print("! ", text, "yellow")

    def say(self, text: str = "") -> None:
        """Plain text, such as a command to copy."""
        self._print("", text, "")

    def waiting(self, text: str) -> AbstractContextManager[object]:
        """A spinner while the block runs; on a plain stream nothing, for the steps' own lines tell what happens."""
        return self._console.status(Text(text))

    def ask(self, question: str) -> str:
        """The operator's answer, without blanks around it."""
        return self._console.input(Text(question)).strip()

    def _print(self, mark: str, text: str, style: str) -> None:
        self._console.print(Text(mark + text, style=style))

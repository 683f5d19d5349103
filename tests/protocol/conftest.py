"""Lets the tests of the protocol put their tables into pytest's output."""

from collections.abc import Callable

import pytest

from tests.protocol.summary import NAME, pytest_terminal_summary

__all__ = ["pytest_terminal_summary"]


@pytest.fixture
def tell(record_property: Callable[[str, object], None]) -> Callable[[str], None]:
    """Puts a text below the dots."""
    return lambda text: record_property(NAME, text)

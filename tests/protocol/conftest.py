"""Put the tables that the tests of the protocol make into pytest's output."""

from collections.abc import Callable

import pytest

from tests.proofs import PROOF


@pytest.fixture
def tell(record_property: Callable[[str, object], None]) -> Callable[[str], None]:
    """Return a function that puts a table into pytest's output."""
    return lambda text: record_property(PROOF, text)

"""The runs that open pages show, so that each look asks AWS only for what may have changed.

A run's definition never changes, and its history only grows: of a run that was looked at before, a look reads the
events since then. Tabs on the same run share it.
"""

import threading
from collections import OrderedDict

from storygate.report.view import RunReader, RunView
from storygate.stage.context import Context

KEPT = 32  # runs; a long history takes some megabytes


class OpenRuns:
    """Views of a stage's runs; safe in threads."""

    def __init__(self, context: Context) -> None:
        self._context, self._lock = context, threading.Lock()
        self._readers: OrderedDict[str, tuple[threading.Lock, RunReader]] = OrderedDict()

    def view(self, execution: str) -> RunView:
        """Return the run as it is now; raises NotFound for an unknown one, and AWS's errors."""
        lock, reader = self._reader(execution)
        with lock:
            return reader.read()

    def _reader(self, execution: str) -> tuple[threading.Lock, RunReader]:
        with self._lock:
            known = self._readers.get(execution)
        if known is None:
            known = threading.Lock(), RunReader(self._context, execution)
        with self._lock:
            known = self._readers.setdefault(execution, known)
            self._readers.move_to_end(execution)
            if len(self._readers) > KEPT:
                self._readers.popitem(last=False)
        return known

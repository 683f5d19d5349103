"""The API's process on this machine, where requests share one standard output."""

import io
from concurrent.futures import ThreadPoolExecutor

from localcloud.dev_server import Lines


def test_lines_of_requests_that_print_at_the_same_time_arrive_whole() -> None:
    printed = io.StringIO()
    lines = Lines(printed)
    with ThreadPoolExecutor(1) as one, ThreadPoolExecutor(1) as other:
        for thread, text in ((one, "first"), (other, "second"), (one, "\n"), (other, " line\nthird"), (one, "last\n")):
            thread.submit(lines.write, text).result(timeout=5)
        other.submit(print, "", file=lines).result(timeout=5)
    assert printed.getvalue() == "first\nsecond line\nlast\nthird\n"

"""What makes moto's server slow where AWS is not.

AWS answers within milliseconds.
moto 5.2.5 lists its own package on disk, file by file, twice for every request, to tell whether a service exists.
"""

from collections.abc import Iterator
from functools import lru_cache

from moto import backends
from moto.moto_server import werkzeug_app

_original = backends.list_of_moto_modules


@lru_cache(maxsize=1)
def _modules() -> tuple[str, ...]:
    return tuple(_original())


def _list_of_moto_modules() -> Iterator[str]:
    return iter(_modules())


def fill() -> None:
    """Have moto look once."""
    backends.list_of_moto_modules = _list_of_moto_modules
    if hasattr(werkzeug_app, "list_of_moto_modules"):
        werkzeug_app.list_of_moto_modules = _list_of_moto_modules

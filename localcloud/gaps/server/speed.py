"""moto's server looks once which services it has.

AWS answers within milliseconds.
moto 5.2.5 lists its own package on disk, file by file, twice for every request, to find out whether a service exists.
"""

from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache

from moto import backends

from localcloud.gaps.patching import Gap

gap = Gap()


@lru_cache(maxsize=1)
def _modules(list_modules: Callable[[], Iterable[str]]) -> tuple[str, ...]:
    return tuple(list_modules())


@gap.wraps(backends, "list_of_moto_modules")
def _list_of_moto_modules(original: Callable[[], Iterable[str]]) -> Iterator[str]:
    return iter(_modules(original))

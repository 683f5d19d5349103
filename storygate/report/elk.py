"""The Eclipse Layout Kernel: elkjs 0.12.1 as npm has it (`elk-worker.min.js`), run in an embedded V8.

Licence of that file: EPL-2.0, https://www.eclipse.org/legal/epl-2.0/; source: https://github.com/kieler/elkjs.
ELK expects to be a web worker: it takes messages at `self.onmessage` and answers with `postMessage`.
https://eclipse.dev/elk/documentation/tooldevelopers/graphdatastructure/jsonformat.html tells the shape of a graph.
"""

import atexit
import json
from functools import cache
from pathlib import Path
from typing import Any

from py_mini_racer import MiniRacer

SOURCE = Path(__file__).with_name("elk-worker.min.js")
WORKER = "var answer, self = globalThis; globalThis.postMessage = message => { answer = message; };"
CALLS = """
self.onmessage({data: {id: 0, cmd: "register", algorithms: ["layered", "rectpacking"]}});
function layOut(graph) {
  self.onmessage({data: {id: 1, cmd: "layout", graph: JSON.parse(graph), layoutOptions: {}, options: {}}});
  return JSON.stringify(answer);
}
"""


def lay_out(graph: dict[str, Any]) -> dict[str, Any]:
    """The graph with coordinates, in pixels: nodes' `x`, `y`, `width`, `height`, edges' `sections` and labels' places.

    Raises ValueError with ELK's own words about a graph that it cannot lay out.
    """
    answer = json.loads(str(_engine().call("layOut", json.dumps(graph))))
    if "error" in answer:
        raise ValueError(answer["error"].get("message", "ELK gave no reason"))
    laid_out: dict[str, Any] = answer["data"]
    return laid_out


@cache
def _engine() -> MiniRacer:
    engine = MiniRacer()
    atexit.register(engine.close)  # left to the interpreter's own end, it waits forever for its thread
    for source in (WORKER, SOURCE.read_text(encoding="utf-8"), CALLS):
        engine.eval(source)
    return engine

"""Access to the console: only for this machine's browser, from the console's own pages, with the key it printed.

Any web page can make the browser send requests to 127.0.0.1, or make its own name resolve to it (DNS rebinding). So a
request must name the console's own host. A POST must come from the console's own page by `Origin`, or where a browser
sends none by `Sec-Fetch-Site` (Fetch Metadata), and must hold this process's CSRF token, which no other page can read.
The key keeps out other users of this machine, who can reach the port as well. A browser that brings it once gets a
cookie. Browsers send a host's cookies to all of its ports, so another user's server on 127.0.0.1 would receive it; but
they send it only to paths under its `Path` (RFC 6265, section 5.1.4). So a console with a key lies under a random path
of its own, which no page of another port can learn: `Referrer-Policy` names it to the console alone.
"""

import hmac
import secrets
from base64 import b64encode
from hashlib import sha256
from urllib.parse import urlencode

from flask import Flask, Request, Response, abort, redirect, request, session
from flask.typing import ResponseReturnValue

from storygate.report.graph import STYLE

# The only style sheet allowed inline is the graph's own; style attributes place the report's bars.
GRAPH = b64encode(sha256(STYLE.encode()).digest()).decode()
POLICY = (
    f"default-src 'none'; script-src 'self'; style-src 'self' 'sha256-{GRAPH}'; style-src-attr 'unsafe-inline'; "
    "img-src 'self' data:; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",  # with no-referrer, browsers send `Origin: null`
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}
LONGEST_BODY = 16_384  # bytes of a form
ENTER = "Open the address that the command printed; each start has a new one."


def protect(app: Flask, port: int, key: str | None, root: str) -> None:
    """Guard every route of an app served at `port` under the path `root`, such as `/Xk3f` (empty: the whole host).

    Without a key, every user of this machine may look and act.
    """
    hosts = {f"127.0.0.1:{port}", f"localhost:{port}"}
    csrf_token = secrets.token_urlsafe(32)
    app.secret_key = secrets.token_bytes(32)
    app.config.update(
        SESSION_COOKIE_NAME=f"storygate-{port}",  # two consoles without a key share their path
        # Without a key it holds only a notice, for the page of a run.
        SESSION_COOKIE_PATH=f"{root}/" if key else "/runs/",
        SESSION_COOKIE_SAMESITE="Strict",
        SESSION_COOKIE_HTTPONLY=True,
        MAX_CONTENT_LENGTH=LONGEST_BODY,
    )
    app.jinja_env.globals["csrf_token"] = csrf_token

    @app.before_request
    def check() -> ResponseReturnValue | None:
        if request.host not in hosts:
            abort(403, "This console answers only to 127.0.0.1 and localhost.")
        if request.endpoint in {"static", "report_css"}:
            return None
        if key and not session.get("in"):
            if not _same(request.args.get("key", ""), key):
                abort(403, ENTER)
            session["in"] = True
        if "key" in request.args and request.headers.get("Sec-Fetch-Site") == "none":
            # The operator opened the printed address: the redirect keeps the key out of address bar and history. A page
            # that another site opened would not send the new `Strict` cookie after it; there console.js does the same.
            # A client without cookies, such as curl, gets its page at once.
            arguments = urlencode([(name, value) for name, value in request.args.items(multi=True) if name != "key"])
            return redirect(f"{root}{request.path}?{arguments}".rstrip("?"), 303)
        if request.method not in {"GET", "HEAD"} and not (
            _is_ours(request) and _same(request.form.get("csrf", ""), csrf_token)
        ):
            abort(403, "This request did not come from a page of this console since its start. Reload the page.")
        return None

    @app.after_request
    def harden(response: Response) -> Response:
        response.headers.update(HEADERS)
        return response


def _is_ours(request: Request) -> bool:
    origin = request.headers.get("Origin")
    site = request.headers.get("Sec-Fetch-Site")
    return (origin or site) is not None and origin in {None, f"http://{request.host}"} and site in {None, "same-origin"}


def _same(given: str, expected: str) -> bool:
    return hmac.compare_digest(given.encode(), expected.encode())

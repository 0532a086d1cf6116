"""A client of Sartor's HTTP API: one file, the standard library alone.

    from sartor_client import Client, ApiError

    sartor = Client("http://127.0.0.1:8080", key=os.environ["SARTOR_KEY"])
    shown = sartor.recommend(user="17850", k=10, filter={"category": ["tea"]})
    sartor.send_events([{"user": "17850", "item": shown["items"][0]["item"], "type": "click", "exposure": shown["exposure"]}])

Answers are the dictionaries of docs/http.md, and every route that answers JSON has a method here (a test compares both with
/openapi.json). Whatever the server refuses is an ApiError with the problem document's fields. A Client keeps one
connection per thread and may be shared by threads. What may be sent again without harm is, `retries` times, when the
connection breaks or the server says 429 or 503: everything but what an administrator asks for. Events without an
`event_id` get one first, so that none counts twice.
"""
import http.client
import json
import ssl
import threading
import time
import urllib.parse
import uuid

__all__ = ["ApiError", "Client"]
__version__ = "0.1.0"

# What a request for a list may ask for, as in the document's RecommendRequest.
WISHES = ("user", "history", "k", "context", "exclude", "filter", "pins", "boosts", "seen", "diversity", "reasons")

_RETRIED = (429, 503)
_LONGEST_WAIT = 10.0  # seconds, whatever Retry-After says


class ApiError(Exception):
    """The server's answer was not 2xx. `type` is stable: "/problems/invalid-parameters", …; `errors` names each wrong value."""

    def __init__(self, status, problem, request_id):
        self.status = status
        self.type = problem.get("type", "about:blank")
        self.title = problem.get("title", "")
        self.detail = problem.get("detail", "")
        self.errors = problem.get("errors", [])
        self.request_id = request_id
        super().__init__(f"{status} {self.title}: {self.detail}")


class Client:
    """`url` as "http://host:port"; `timeout` in seconds, of one attempt; `context` an ssl.SSLContext for https."""

    def __init__(self, url, key=None, *, timeout=10.0, retries=2, context=None):
        parts = urllib.parse.urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError(f"url: {url!r}; expected http://host:port or https://host:port")
        if parts.path not in ("", "/") or parts.query:
            raise ValueError(f"url: {url!r} has more than scheme, host and port")
        self._secure = parts.scheme == "https"
        self._host, self._port = parts.hostname, parts.port
        self._key, self._timeout, self._retries = key, timeout, retries
        self._context = context or (ssl.create_default_context() if self._secure else None)
        self._local = threading.local()

    # --- lists ---------------------------------------------------------------------------------

    def recommend(self, user=None, **wishes):
        """A list for a user, or for somebody with a `history` of items, or for a stranger. Wishes: see WISHES."""
        unknown = set(wishes) - set(WISHES)
        if unknown:
            raise TypeError(f"recommend() has no {', '.join(sorted(unknown))}; it has {', '.join(WISHES)}")
        body = {name: value for name, value in {"user": user, **wishes}.items() if value is not None}
        return self._call("POST", "/v1/recommendations", body)

    def similar_items(self, item, k=10):
        """What people take who take `item`."""
        return self._call("GET", "/v1/similar-items", query={"item": item, "k": k})

    # --- events --------------------------------------------------------------------------------

    def send_events(self, events):
        """Accepted events are on disk. `rejected` of the answer says which were not taken, and why."""
        named = [event if event.get("event_id") else {**event, "event_id": uuid.uuid4().hex} for event in events]
        return self._call("POST", "/v1/events", {"events": named})

    # --- users ---------------------------------------------------------------------------------

    def user(self, user):
        """What is known of a user: segment, route, history, features."""
        return self._call("GET", f"/v1/users/{_part(user)}")

    def export_user(self, user):
        """Everything that is kept about a user."""
        return self._call("GET", f"/v1/users/{_part(user)}/export")

    def erase_user(self, user):
        """Holds from the answer on."""
        return self._call("DELETE", f"/v1/users/{_part(user)}", again=False)

    # --- what serves ---------------------------------------------------------------------------

    def segments(self):
        return self._call("GET", "/v1/segments")

    def set_breaker(self, segment, state):
        """`state` "closed" sends a segment back to its model, "latched" keeps it on general."""
        return self._call("POST", f"/v1/segments/{_part(segment)}/breaker", {"state": state}, again=False)

    def alerts(self):
        """What breakers did and why, the latest first."""
        return self._call("GET", "/v1/alerts")

    def models(self):
        return self._call("GET", "/v1/models")

    def promote(self, version):
        return self._call("POST", f"/v1/models/{_part(version)}/promote", again=False)

    def roll_back(self):
        return self._call("POST", "/v1/models/rollback", again=False)

    def runs(self, limit=20):
        return self._call("GET", "/v1/runs", query={"limit": limit})

    def live(self):
        return self._call("GET", "/health/live")

    def ready(self):
        return self._call("GET", "/health/ready")

    def openapi(self):
        return self._call("GET", "/openapi.json")

    # --- the way there -------------------------------------------------------------------------

    def close(self):
        """Closes this thread's connection; the next call opens another."""
        connection = getattr(self._local, "connection", None)
        if connection is not None:
            connection.close()
            self._local.connection = None

    def _connection(self):
        if getattr(self._local, "connection", None) is None:
            kind = http.client.HTTPSConnection if self._secure else http.client.HTTPConnection
            more = {"context": self._context} if self._secure else {}
            self._local.connection = kind(self._host, self._port, timeout=self._timeout, **more)
        return self._local.connection

    def _call(self, method, path, body=None, *, query=None, again=True):
        target = path + ("?" + urllib.parse.urlencode(query) if query else "")
        data = None if body is None else json.dumps(body).encode()
        headers = {"Accept": "application/json"}
        if data is not None:
            headers["Content-Type"] = "application/json"
        if self._key:
            headers["Authorization"] = f"Bearer {self._key}"
        attempts = 1 + (self._retries if again else 0)
        for attempt in range(1, attempts + 1):
            try:
                status, answer, content = self._ask(method, target, data, headers)
            except (http.client.HTTPException, OSError):
                self.close()
                if attempt == attempts:
                    raise
                time.sleep(min(_LONGEST_WAIT, 0.05 * 2**attempt))
                continue
            if status in _RETRIED and attempt < attempts:
                time.sleep(_wait(answer.get("Retry-After"), attempt))
                continue
            return _result(status, answer, content)

    def _ask(self, method, target, data, headers):
        connection = self._connection()
        connection.request(method, target, data, headers)
        response = connection.getresponse()
        content = response.read()
        return response.status, response.headers, content


def _part(text):
    """One part of a path, whatever characters an id has."""
    return urllib.parse.quote(str(text), safe="")


def _wait(retry_after, attempt):
    try:
        return min(_LONGEST_WAIT, max(0.0, float(retry_after)))
    except (TypeError, ValueError):
        return min(_LONGEST_WAIT, 0.05 * 2**attempt)


def _result(status, headers, content):
    try:
        document = json.loads(content) if content else {}
    except ValueError:
        document = {"title": "Not JSON", "detail": content[:200].decode(errors="replace")}
        status = status if status >= 400 else 502
    if 200 <= status < 300:
        return document
    # Readiness answers 503 with a document of its own.
    problem = document if isinstance(document, dict) else {}
    raise ApiError(status, problem, headers.get("X-Request-ID"))

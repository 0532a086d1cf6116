#!/usr/bin/env python3
"""Every method of the client against a running server that asks for no key.

    clients/python/test_client.py http://127.0.0.1:8080 USER ITEM

USER has a history, ITEM is in the catalogue; USER is erased at the end.
"""
import inspect
import pathlib
import re
import sys
import threading

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import sartor_client
from sartor_client import ApiError, Client

# Routes for people and for Prometheus.
NOT_JSON = {("GET", "/"), ("GET", "/report"), ("GET", "/docs"), ("GET", "/problems/{name}"), ("GET", "/metrics"),
            ("GET", "/v1/recommendations")}  # POST asks for the same and more


def expect(holds, what):
    if not holds:
        raise SystemExit(f"not so: {what}")


def refused(status, call):
    try:
        call()
    except ApiError as error:
        expect(error.status == status, f"{error} has status {status}")
        return error
    raise SystemExit(f"expected {status}")


def test_has_every_route(document):
    source = inspect.getsource(Client)
    called = {(method, re.sub(r"\{_part\(\w+\)\}", "{}", path))
              for method, path in re.findall(r'_call\("(\w+)", f?"([^"]+)"', source)}
    served = {(method.upper(), re.sub(r"\{\w+\}", "{}", path)) for path, methods in document["paths"].items()
              for method in methods if (method.upper(), path) not in NOT_JSON}
    expect(called == served, f"client and document have the same routes; {called ^ served} are in one alone")
    wishes = set(document["components"]["schemas"]["RecommendRequest"]["properties"])
    expect(wishes == set(sartor_client.WISHES), f"wishes agree; {wishes ^ set(sartor_client.WISHES)} do not")


def test_lists(client, user, item):
    shown = client.recommend(user=user, k=5, reasons=True)
    expect(len(shown["items"]) == 5 and shown["user"] == user, "five items for the user")
    best = next(one["item"] for one in shown["items"] if one["item"] != item)
    without = client.recommend(user=user, k=5, exclude=[best], pins=[item])
    listed = [one["item"] for one in without["items"]]
    expect(best not in listed and listed[0] == item, "the best item is excluded, the pin on top")
    expect(client.recommend(history=[item], k=3)["items"], "a list for somebody with a history alone")
    expect(len(client.similar_items(item, k=4)["items"]) == 4, "four similar items")
    error = refused(422, lambda: client.recommend(user=user, k=0))
    expect(error.type == "/problems/invalid-parameters" and error.errors and error.request_id, "the problem's fields")
    try:
        client.recommend(user=user, sean="include")
    except TypeError as wrong:
        expect("sean" in str(wrong), "the wrong name is named")
    else:
        raise SystemExit("a wish that does not exist was taken")
    return shown


def test_events(client, user, shown):
    event = {"user": user, "item": shown["items"][0]["item"], "type": "purchase", "exposure": shown["exposure"]}
    expect(client.send_events([event])["accepted"] == 1, "an event without an id is taken")
    named = {**event, "event_id": "client-1"}
    expect(client.send_events([named, named])["duplicates"] == 1, "an id counts once")
    expect("event_id" not in event, "the caller's event is as it was")
    taken = client.send_events([{"user": user, "type": "purchase"}])
    expect(taken["accepted"] == 0 and taken["rejected"][0]["index"] == 0, "an event without an item is rejected")


def test_odd_ids(client):
    for odd in ("a/b c?d#e%", "ünï", "x" * 300):
        client.send_events([{"user": odd, "item": "22423", "type": "purchase"}])
        expect(client.user(odd)["user"] == odd, f"{odd} is one part of a path")


def test_what_serves(client):
    expect(client.live() and client.ready(), "healthy")
    segments = client.segments()["segments"]
    expect(segments and client.alerts()["alerts"] == [], "segments, and no alerts")
    expect(client.models()["versions"] and client.runs(limit=1)["runs"], "a version from a run")
    refused(404, lambda: client.set_breaker("no such segment", "closed"))
    refused(404, lambda: client.promote("no-such-version"))
    refused(409, client.roll_back)


def test_threads(client, user):
    answers = []
    threads = [threading.Thread(target=lambda: answers.append(client.recommend(user=user)["user"])) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    expect(answers == [user] * 8, "eight threads share a client")


def test_rights(client, user):
    expect(len(client.export_user(user)["events"]) == 2, "the export has the user's events")
    expect(client.erase_user(user)["user"] == user, "erased")
    refused(404, lambda: client.export_user(user))


def test_nobody_there():
    try:
        Client("http://127.0.0.1:1", timeout=1, retries=1).live()
    except OSError:
        pass
    else:
        raise SystemExit("nobody answers on port 1")
    try:
        Client("127.0.0.1:8080")
    except ValueError as wrong:
        expect("expected http://" in str(wrong), "says what was expected")
    else:
        raise SystemExit("an address without a scheme was taken")


def main():
    url, user, item = sys.argv[1:]
    client = Client(url)
    test_has_every_route(client.openapi())
    shown = test_lists(client, user, item)
    test_events(client, user, shown)
    test_odd_ids(client)
    test_what_serves(client)
    test_threads(client, user)
    test_rights(client, user)
    test_nobody_there()
    client.close()
    print("the client agrees with the server")


if __name__ == "__main__":
    main()

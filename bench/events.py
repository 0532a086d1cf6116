#!/usr/bin/env python3
"""Events into a running server: how many a second, each batch on disk before it is answered, and
how soon an event is part of the same user's list.

    bench/events.py WORKSPACE [--sartor BINARY] [--seconds 10] [--writers 8] [--batch 500] [--url URL]

The workspace's published bundle is served from a copy. Afterwards the log is read back: every
acknowledged event has to be in it, once.
"""
import argparse
import http.client
import json
import multiprocessing
import os
import re
import shutil
import statistics
import subprocess
import tempfile
import time


def bundle_copy(workspace, folder):
    current = os.path.realpath(os.path.join(workspace, "bundles", "current"))
    os.makedirs(os.path.join(folder, "bundles"))
    shutil.copytree(current, os.path.join(folder, "bundles", "b"))
    os.symlink("b", os.path.join(folder, "bundles", "current"))


def start(args, folder):
    state = ["--set", "state.url=" + args.url] if args.url else []
    server = subprocess.Popen([args.sartor, "serve", folder, "--port", "0"] + state, stdout=subprocess.PIPE, text=True)
    for line in server.stdout:
        found = re.search(r"http://([\d.]+):(\d+)", line)
        if found:
            return server, found.group(1), int(found.group(2))
    raise SystemExit("the server did not start")


def post(connection, body):
    connection.request("POST", "/v1/events", body, {"Content-Type": "application/json"})
    answer = connection.getresponse()
    text = answer.read()
    assert answer.status == 200, text
    return json.loads(text)


def event(i, user, item, event_id):
    return {"event_id": event_id, "user": user, "item": item, "time": "2011-12-09T13:00:00Z",
            "type": "purchase", "value": 1.0 + i % 50, "group": f"basket-{i // 5}",
            "context": {"country": "United Kingdom"}}


def write(writer, address, args, items, until, results):
    """Posts batches that were made before, with ids of their own, until the time is over."""
    connection = http.client.HTTPConnection(*address, timeout=30)
    bodies = []
    for b in range(64):
        bodies.append(json.dumps({"events": [
            event(i, f"user-{(b * args.batch + i) % 20000}", items[i % len(items)], f"{writer}-@-{b}-{i}")
            for i in range(args.batch)]}))
    accepted, latencies, round_ = 0, [], 0
    while time.time() < until.value or until.value == 0:
        body = bodies[round_ % len(bodies)].replace("-@-", f"-{round_}-")
        begin = time.time()
        answer = post(connection, body)
        if until.value:
            accepted += answer["accepted"]
            latencies.append(time.time() - begin)
        assert answer["accepted"] == args.batch, answer
        round_ += 1
    results.put((writer, accepted, round_, latencies))


def throughput(address, args, items, until):
    results = multiprocessing.Queue()
    writers = [multiprocessing.Process(target=write, args=(w, address, args, items, until, results))
               for w in range(args.writers)]
    for writer in writers:
        writer.start()
    time.sleep(2)
    begin = time.time()
    until.value = begin + args.seconds
    all_results = [results.get() for _ in writers]
    seconds = time.time() - begin
    for writer in writers:
        writer.join()
    latencies = sorted(x for r in all_results for x in r[3])
    total = sum(r[2] for r in all_results) * args.batch
    return {"events_per_second": round(sum(r[1] for r in all_results) / seconds),
            "batches_per_second": round(len(latencies) / seconds, 1),
            "batch_ms_p50": round(1e3 * statistics.median(latencies), 2),
            "batch_ms_p99": round(1e3 * latencies[int(len(latencies) * .99)], 2)}, total


def freshness(address, items, rounds=200):
    """From the first byte of the event to the last of the changed list; the answer's part of it."""
    connection = http.client.HTTPConnection(*address, timeout=30)

    def top(user):
        connection.request("GET", f"/v1/recommendations?user={user}&k=10")
        return json.loads(connection.getresponse().read())["items"]

    whole, ack, changed = [], [], 0
    for i in range(rounds):
        user = f"visitor-{i}"
        before = top(user)
        item = items[i % len(items)]
        begin = time.time()
        post(connection, json.dumps({"events": [event(i, user, item, f"fresh-{i}")]}))
        ack.append(time.time() - begin)
        after = top(user)
        whole.append(time.time() - begin)
        changed += before != after
    whole.sort()
    ack.sort()
    return {"changed_lists": f"{changed} of {rounds}",
            "event_to_list_ms_p50": round(1e3 * whole[rounds // 2], 2),
            "event_to_list_ms_p99": round(1e3 * whole[int(rounds * .99)], 2),
            "acknowledged_ms_p50": round(1e3 * ack[rounds // 2], 2)}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("workspace")
    parser.add_argument("--sartor", default="build/release/bin/sartor")
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--writers", type=int, default=8)
    parser.add_argument("--batch", type=int, default=500)
    parser.add_argument("--folder", help="where the log is written; a temporary one if not given")
    parser.add_argument("--url", default="", help="an empty PostgreSQL that the state is shared in")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=args.folder) as folder:
        bundle_copy(args.workspace, folder)
        server, *address = start(args, folder)
        try:
            connection = http.client.HTTPConnection(*address)
            connection.request("GET", "/v1/recommendations?k=100")
            items = [i["item"] for i in json.loads(connection.getresponse().read())["items"]]
            out = freshness(address, items)
            until = multiprocessing.Value("d", 0)
            rates, total = throughput(address, args, items, until)
            out.update(rates)
        finally:
            server.kill()
            server.wait()
        begin = time.time()
        server, *address = start(args, folder)  # after kill -9
        out["restart_seconds"] = round(time.time() - begin, 2)
        try:
            connection = http.client.HTTPConnection(*address)
            again = post(connection, json.dumps({"events": [event(0, "u", items[0], f"{w}-0-0-0")
                                                            for w in range(args.writers)]}))
            out["known_again"] = f"{again['duplicates']} of {args.writers}"
        finally:
            server.kill()
            server.wait()
        out["events"] = total
        out["mb"] = round(sum(os.path.getsize(os.path.join(folder, "events", f))
                              for f in os.listdir(os.path.join(folder, "events"))) / 1e6, 1)
    print(json.dumps(out))


if __name__ == "__main__":
    main()

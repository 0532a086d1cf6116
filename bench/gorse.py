#!/usr/bin/env python3
"""Sartor's server beside Gorse's: the lists' NDCG@10 on the test window of an example, and lists a second.

    sartor run examples/online-retail --rankings trec
    bench/gorse.py examples/online-retail trec GORSE_IN_ONE [--sartor BINARY] [--seconds 15] [--wait 900]

Gorse 0.4.15 in one process, Redis for its cache and SQLite for its data (PostgreSQL with --postgres URL), with every
recommender switched on (but click-through prediction: it has no features here, and with replacement 0.4.15 falls over it),
replacement as the example's signal.repeat says, nothing explored at random. It gets the same
events (those before test_from, moved so that test_from is now) by its HTTP API and as long as it needs to have a list for
every user. Then, on the same machine and for the same users:
quality: the list of 10 of each user of trec/test.qrels, asked for by HTTP, once of each server;
load: wrk, 16 connections and one thread, each server alone and in turn, three times; then, at half of the slower
median, an open loop (vegeta) where it is installed. One JSON line each.
Needs: redis-server, wrk, and what bench/peers.py needs.
"""
import argparse
import datetime
import json
import math
import os
import pathlib
import random
import re
import shutil
import socket
import statistics
import subprocess
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request

import numpy as np

import peers
from events import bundle_copy

K = 10

CONFIG = """
[database]
cache_store = "redis://127.0.0.1:{redis}/0"
data_store = "{data}"
[master]
port = {master}
host = "127.0.0.1"
http_port = {http}
http_host = "127.0.0.1"
n_jobs = 2
[server]
default_n = 10
[recommend]
cache_size = 100
[recommend.data_source]
positive_feedback_types = ["take"]
read_feedback_types = ["read"]
[recommend.popular]
popular_window = "720h"
[recommend.collaborative]
model_fit_period = "1m"
model_search_period = "60m"
[recommend.replacement]
enable_replacement = {repeat}
[recommend.offline]
check_recommend_period = "1m"
refresh_recommend_period = "24h"
enable_popular_recommend = true
enable_user_based_recommend = true
enable_item_based_recommend = true
enable_collaborative_recommend = true
enable_click_through_prediction = false
explore_recommend = {{ popular = 0.0, latest = 0.0 }}
[recommend.online]
fallback_recommend = ["item_based", "popular", "latest"]
"""


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def call(url, body=None):
    request = urllib.request.Request(url, None if body is None else json.dumps(body).encode(),
                                     {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=300) as answer:
        return json.loads(answer.read())


class Gorse:
    def __init__(self, binary, folder, repeat, data):
        redis, master, self.http = free_port(), free_port(), free_port()
        config = folder / "gorse.toml"
        config.write_text(CONFIG.format(redis=redis, master=master, http=self.http, repeat=str(repeat).lower(),
                                        data=data or f"sqlite://{folder}/gorse.db"))
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        self.redis = subprocess.Popen(["redis-server", "--port", str(redis), "--save", "", "--appendonly", "no"], **quiet)
        time.sleep(1)
        self.log = open(folder / "gorse.log", "w", encoding="utf-8")
        self.process = subprocess.Popen([binary, "-c", config, "--cache-path", folder / "cache.data", "--recommend-jobs", "2"],
                                        stdout=self.log, stderr=self.log)
        self.base = f"http://127.0.0.1:{self.http}/api"
        for _ in range(120):
            try:
                call(self.base + "/health/live")
                return
            except (urllib.error.URLError, ConnectionError):
                time.sleep(.5)
        raise SystemExit("gorse did not start")

    def insert(self, users, items, moments):
        for begin in range(0, len(users), 5000):
            end = min(begin + 5000, len(users))
            call(self.base + "/feedback", [{"FeedbackType": "take", "UserId": users[i], "ItemId": items[i],
                                            "Timestamp": moments[i]} for i in range(begin, end)])

    def wait(self, users, seconds):
        """Until everybody of `users` has a list from offline; how long it took."""
        begin = time.time()
        missing = list(users)
        while missing and time.time() - begin < seconds:
            time.sleep(10)
            missing = [u for u in missing
                       if len(call(f"{self.base}/dashboard/recommend/{urllib.parse.quote(u)}/offline?n=10") or []) < K]
        return time.time() - begin, len(missing)

    def path(self, user):
        return f"/api/recommend/{urllib.parse.quote(user)}?n={K}"

    def items(self, answer):
        return answer or []

    def stop(self):
        for process in (self.process, self.redis):
            process.terminate()
            process.wait()


class Sartor:
    def __init__(self, binary, workspace, folder):
        bundle_copy(workspace, folder)
        self.process = subprocess.Popen([binary, "serve", folder, "--port", "0"], stdout=subprocess.PIPE, text=True)
        self.http = next(int(found[1]) for line in self.process.stdout if (found := re.search(r"http://[\d.]+:(\d+)", line)))

    def path(self, user):
        return f"/v1/recommendations?user={urllib.parse.quote(user)}&k={K}"

    def items(self, answer):
        return [entry["item"] for entry in answer["items"]]

    def stop(self):
        self.process.terminate()
        self.process.wait()


def quality(server, cases, targets):
    values, empty = [], 0
    for case in cases:
        items = server.items(call(f"http://127.0.0.1:{server.http}{server.path(case)}"))
        empty += not items
        gain = sum(1 / math.log2(i + 2) for i, item in enumerate(items[:K]) if item in targets[case])
        values.append(gain / sum(1 / math.log2(i + 2) for i in range(min(K, len(targets[case])))))
    return np.array(values), empty


LUA = """
local paths = {{}}
for line in io.lines("{paths}") do paths[#paths + 1] = line end
local i = {seed}
request = function()
  i = i % #paths + 1
  return wrk.format("GET", paths[i])
end
"""


def wrk(server, users, folder, seconds):
    """Lists a second of a closed loop, latencies in ms, and errors."""
    (folder / "paths").write_text("\n".join(server.path(u) for u in users) + "\n")
    (folder / "paths.lua").write_text(LUA.format(paths=folder / "paths", seed=random.randrange(len(users))))
    out = subprocess.run(["wrk", "-t1", "-c16", f"-d{seconds}s", "--latency", "-s", folder / "paths.lua",
                          f"http://127.0.0.1:{server.http}"], check=True, stdout=subprocess.PIPE, text=True).stdout
    unit = {"us": 1e-3, "ms": 1, "s": 1e3}
    latency = {p: float(v) * unit[u] for p, v, u in re.findall(r"^\s+(\d+)%\s+([\d.]+)(us|ms|s)$", out, re.M)}
    bad = re.search(r"Non-2xx or 3xx responses: (\d+)", out)
    return float(re.search(r"Requests/sec:\s+([\d.]+)", out)[1]), latency, int(bad[1]) if bad else 0


def open_loop(server, users, folder, rate, seconds):
    """Latencies in ms at a fixed rate, whether or not answers come."""
    (folder / "targets").write_text("".join(f"GET http://127.0.0.1:{server.http}{server.path(u)}\n\n" for u in users))
    attack = subprocess.run(["vegeta", "attack", f"-targets={folder}/targets", f"-rate={max(1, round(rate))}",
                             f"-duration={seconds}s"], check=True, stdout=subprocess.PIPE).stdout
    report = json.loads(subprocess.run(["vegeta", "report", "-type=json"], input=attack, check=True,
                                       stdout=subprocess.PIPE).stdout)
    tail = sorted(json.loads(line)["latency"] for line in
                  subprocess.run(["vegeta", "encode", "-to=json"], input=attack, check=True,
                                 stdout=subprocess.PIPE).stdout.splitlines())
    at = {p: round(tail[min(len(tail) - 1, int(len(tail) * p / 100))] / 1e6, 2) for p in (50, 99, 99.9)}
    return {"rate": round(rate), "success": report["success"], "ms": at}


def memory_mb(process):
    return round(int(re.search(r"VmRSS:\s+(\d+)", pathlib.Path(f"/proc/{process.pid}/status").read_text())[1]) / 1024)


def load(servers, users, folder, seconds):
    rates = {name: [] for name in servers}
    latencies = {}
    for _ in range(3):
        for name, server in servers.items():
            rate, latencies[name], bad = wrk(server, users, folder, seconds)
            assert bad == 0, (name, bad)
            rates[name].append(rate)
    for name, server in servers.items():
        median = statistics.median(rates[name])
        line = {"load": name, "lists_per_second": round(median), "all": [round(r) for r in rates[name]],
                "ms_saturated": latencies[name], "memory_mb": memory_mb(server.process)}
        if shutil.which("vegeta"):
            line["half_load"] = open_loop(server, users, folder, median / 2, seconds)
        print(json.dumps(line), flush=True)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("workspace", type=pathlib.Path)
    parser.add_argument("trec", type=pathlib.Path)
    parser.add_argument("gorse")
    parser.add_argument("--sartor", default="build/release/bin/sartor")
    parser.add_argument("--postgres")
    parser.add_argument("--seconds", type=int, default=15)
    parser.add_argument("--wait", type=int, default=900)
    args = parser.parse_args()
    config, rows = peers.read_events(args.workspace)
    before = peers.epoch(config["split"]["test_from"])
    known = rows["seconds"] < before
    shift = time.time() - before
    moments = [datetime.datetime.fromtimestamp(s + shift, datetime.timezone.utc).isoformat() for s in rows["seconds"][known]]
    targets = peers.read_qrels(args.trec / "test.qrels")
    users = sorted(set(rows["user_id"][known]))
    cases = [case for case in targets if case in set(users)]
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        gorse = Gorse(args.gorse, folder, config["signal"].get("repeat", False), args.postgres)
        servers = {"gorse": gorse}
        try:
            begin = time.time()
            gorse.insert(list(rows["user_id"][known]), list(rows["item_id"][known]), moments)
            took = time.time() - begin
            waited, missing = gorse.wait(cases, args.wait)
            print(json.dumps({"gorse": "ready", "events": int(known.sum()), "insert_s": round(took), "fit_s": round(waited),
                              "without_list": missing}), flush=True)
            values, empty = quality(gorse, cases, targets)
            general = peers.general_values(args.trec, peers.Window(rows, before, {c: targets[c] for c in cases}, True))
            print(json.dumps({"quality": "gorse", "ndcg@10": round(values.mean(), 4),
                              "interval": round(peers.interval(values), 4), "users": len(cases), "empty": empty,
                              "general": round(general.mean(), 4), "difference": round((general - values).mean(), 4),
                              "difference_interval": round(peers.interval(general - values), 4)}), flush=True)
            os.makedirs(folder / "sartor")
            servers["sartor"] = Sartor(args.sartor, str(args.workspace), str(folder / "sartor"))
            load(servers, users, folder, args.seconds)
        except BaseException:
            shutil.copy(folder / "gorse.log", "gorse.log")
            raise
        finally:
            for server in servers.values():
                server.stop()


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
"""Time and memory of a whole run from 1 to 20 million events, and of ingest beside DuckDB.

    bench/scale.py DIR [--users 6900 34500 69000 138000] [--sartor BINARY] [--plot docs/images/scale.svg]
    bench/scale.py DIR --ingest [--repeats 3]

DIR gets a workspace per size: the log of bench/generate.py and a sartor.toml with popularity, item k-NN, EASE over the
5,000 most popular items and ALS; every other setting is the default. A size whose result is there already is not run again.
With --ingest: `sartor step ingest` of each log from nothing, and DuckDB's CREATE TABLE AS SELECT of the same columns into a
new database file, in turn; medians. Two threads each. One JSON line per size.
Needs: pip install numpy pyarrow matplotlib duckdb
"""
import argparse
import json
import pathlib
import resource
import shutil
import statistics
import subprocess
import sys
import time

TOML = """name = "scale"

[[events]]
files = ["events.parquet"]
user  = "user"
item  = "item"
time  = "time"
type  = "'take'"

[signal]
positive = "type = 'take'"

[split]
cases = "window"

[models]
families  = ["popularity", "item_knn", "ease", "als"]
max_items = 5000
"""

CTAS = """
import sys, time, duckdb
db = duckdb.connect(sys.argv[2])
db.execute("SET threads = 2; SET enable_progress_bar = false")
wall, cpu = time.perf_counter(), time.process_time()
db.execute("CREATE TABLE events AS SELECT user, item, time, 'take' AS type FROM read_parquet(?)", [sys.argv[1]])
db.close()
print(time.perf_counter() - wall, time.process_time() - cpu)
"""


def workspace(folder, users):
    place = folder / str(users)
    if not (place / "events.parquet").exists():
        subprocess.run([sys.executable, pathlib.Path(__file__).with_name("generate.py"), place / "matrix", "--users",
                        str(users), "--log", place / "events.parquet"], check=True)
        shutil.rmtree(place / "matrix", ignore_errors=True)
    (place / "sartor.toml").write_text(TOML)
    return place


def forget(place):
    for name in ("cache", "runs", "bundles"):
        shutil.rmtree(place / name, ignore_errors=True)
    for state in place.glob("state.sqlite*"):
        state.unlink()


def measured(command):
    """(stdout, wall seconds, CPU seconds) of a command."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    start = time.perf_counter()
    out = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
    wall = time.perf_counter() - start
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return out, wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def run(place, sartor):
    kept = place / "result.json"
    if kept.exists():
        return json.loads(kept.read_text())
    forget(place)
    out, wall, cpu = measured([sartor, "run", str(place), "--threads", "2", "--json"])
    summary = json.loads(out.splitlines()[-1])
    result = {"users": summary["data"]["users"], "items": summary["data"]["items"], "events": summary["data"]["events"],
              "wall_s": round(wall, 1), "cpu_s": round(cpu, 1), "peak_mb": round(summary["peak_rss_mb"]),
              "ndcg@10": summary["general"]["metrics"]["test"]["ndcg@10"]}
    kept.write_text(json.dumps(result))
    return result


def ingest(place, sartor, repeats):
    ours, theirs = [], []
    for _ in range(repeats):
        forget(place)
        ours.append(measured([sartor, "step", "ingest", str(place), "--threads", "2", "--quiet"])[1:])
        database = place / "ctas.duckdb"
        database.unlink(missing_ok=True)
        out = subprocess.run([sys.executable, "-c", CTAS, place / "events.parquet", database], check=True,
                             stdout=subprocess.PIPE, text=True).stdout
        theirs.append(tuple(float(x) for x in out.split()))
        database.unlink()
    wall, cpu = (statistics.median(x) for x in zip(*ours))
    duck_wall, duck_cpu = (statistics.median(x) for x in zip(*theirs))
    return {"users": int(place.name), "ingest_wall_s": round(wall, 2), "ingest_cpu_s": round(cpu, 2),
            "ctas_wall_s": round(duck_wall, 2), "ctas_cpu_s": round(duck_cpu, 2), "wall_ratio": round(wall / duck_wall, 2),
            "cpu_ratio": round(cpu / duck_cpu, 2)}


def plot(results, path):
    import matplotlib
    matplotlib.use("svg")
    import matplotlib.pyplot as plt
    plt.rcParams.update({"font.size": 9, "svg.hashsalt": "scale", "svg.fonttype": "none"})
    millions = [r["events"] / 1e6 for r in results]
    figure, (time_axis, memory_axis) = plt.subplots(1, 2, figsize=(8, 3), layout="constrained")
    for key, label in (("wall_s", "wall"), ("cpu_s", "CPU")):
        time_axis.plot(millions, [r[key] / 60 for r in results], marker="o", label=label)
    time_axis.axhline(15, color="grey", linestyle=":")
    time_axis.set(xlabel="million events", ylabel="minutes", ylim=0, xlim=0, title="sartor run, 2 cores")
    time_axis.legend()
    memory_axis.plot(millions, [r["peak_mb"] / 1024 for r in results], marker="o")
    memory_axis.axhline(4, color="grey", linestyle=":")
    memory_axis.set(xlabel="million events", ylabel="GiB", ylim=0, xlim=0, title="peak memory")
    figure.savefig(path, metadata={"Date": None})


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--users", type=int, nargs="+", default=[6900, 34500, 69000, 138000])
    parser.add_argument("--sartor", default="build/release/bin/sartor")
    parser.add_argument("--plot")
    parser.add_argument("--ingest", action="store_true")
    parser.add_argument("--repeats", type=int, default=3)
    args = parser.parse_args()
    results = []
    for users in args.users:
        place = workspace(args.folder, users)
        result = ingest(place, args.sartor, args.repeats) if args.ingest else run(place, args.sartor)
        print(json.dumps(result), flush=True)
        results.append(result)
    if args.plot:
        plot(results, args.plot)


if __name__ == "__main__":
    main()

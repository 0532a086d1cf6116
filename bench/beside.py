"""What the scripts beside this one share: running `sartor bench`, timing a peer, and one JSON line a result."""
import argparse
import json
import resource
import statistics
import subprocess
import time


def arguments(description):
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", help="where the arrays are, and where results go (out/)")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--sartor", default="build/release/bin/sartor")
    return parser


def timed(call):
    """(CPU seconds of all threads, wall seconds, what `call` returns)"""
    before, wall = resource.getrusage(resource.RUSAGE_SELF), time.perf_counter()
    result = call()
    wall, after = time.perf_counter() - wall, resource.getrusage(resource.RUSAGE_SELF)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, wall, result


def sartor(args, workload, folder, threads, output=None, **settings):
    """The report of one `sartor bench`."""
    command = [args.sartor, "bench", workload, "--input", folder, "--threads", str(threads), "--json"]
    if output:
        command += ["--output", output]
    for name, value in settings.items():
        command += ["--set", f"{name}={value}"]
    out = subprocess.run(command, check=True, capture_output=True, text=True)
    return json.loads(out.stdout.splitlines()[-1])


def alternate(repeats, **calls):
    """Runs each call once after the other, `repeats` times; a list of results by name."""
    results = {name: [] for name in calls}
    for _ in range(repeats):
        for name, call in calls.items():
            results[name].append(call())
    return results


def middle(values):
    return statistics.median(values)


def line(**fields):
    """Prints one JSON line, floats to four digits."""
    print(json.dumps({k: float(f"{v:.4g}") if isinstance(v, float) else v for k, v in fields.items()}), flush=True)


def walls(ours, one):
    """Wall seconds with the threads asked for and with one, and their ratio."""
    wall, alone = middle([r["seconds"] for r in ours]), middle([r["seconds"] for r in one])
    return {"wall_1_thread": alone, "wall": wall, "wall_ratio": wall / alone}

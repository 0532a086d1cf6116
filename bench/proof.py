#!/usr/bin/env python3
"""The gate tried on real per-user differences: runs the examples in a scratch folder, then `sartor bench proof`.

    bench/proof.py [--scratch FOLDER] [--replicates 2000] [--threads 2] [online-retail complete-journey kuairand]
    bench/proof.py --report proof.json

Prints the tables of bench/RESULTS.md as Markdown and leaves FOLDER/proof.json; with --report it only prints. An example that
was run there before with the same program is not run again. Exit code 1 where the gate does not pass; docs/proof.md says
what is shown. Online Retail is bundled; the others read ../shared/data beside the clone.
"""
import argparse
import json
import pathlib
import shutil
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
EXAMPLES = ["online-retail", "complete-journey", "kuairand"]


def workspaces(args, scratch):
    """Copies of the examples, after a run; ../../../shared must lead from them to the data."""
    data = scratch / "shared"
    if not data.exists() and (ROOT.parent / "shared").exists():
        data.symlink_to((ROOT.parent / "shared").resolve())
    for name in args.examples:
        folder = scratch / "clone" / "examples" / name
        if not folder.exists():
            ignored = shutil.ignore_patterns("bundles", "cache", "runs", "state*", "trec")
            shutil.copytree(ROOT / "examples" / name, folder, ignore=ignored)
        subprocess.run([args.sartor, "run", folder, "--threads", str(args.threads), "--json"], check=True, stdout=subprocess.DEVNULL)
        yield folder


def measured(args):
    scratch = pathlib.Path(args.scratch or tempfile.mkdtemp(prefix="sartor-proof."))
    scratch.mkdir(parents=True, exist_ok=True)
    folders = list(workspaces(args, scratch))
    command = [args.sartor, "bench", "proof", "--input", *folders, "--set", f"replicates={args.replicates}", "--threads", str(args.threads), "--json"]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True)
    if done.returncode not in (0, 1) or not done.stdout:
        sys.exit(done.returncode)
    report = json.loads(done.stdout.splitlines()[-1])
    (scratch / "proof.json").write_text(json.dumps(report, indent=1))
    return report


def rate(value):
    return "–" if value is None else f"{value:.3f}".replace("0.", ".", 1)


def percent(value, digits=1):
    return "–" if value is None else f"{100 * value:.{digits}f} %"


def table(header, rows):
    print("| " + " | ".join(header) + " |\n|" + "---|" * len(header))
    for row in rows:
        print("| " + " | ".join(row) + " |")
    print()


def rows_by_world(data, part, cell):
    """One row a world, one column a data set; a data set may lack a world."""
    names = list(dict.fromkeys(row["world"] for one in data for row in one[part]))
    for name in names:
        found = [[row for row in one[part] if row["world"] == name] for one in data]
        yield [name] + [cell(rows[0]) if rows else "–" for rows in found]


def print_report(report):
    data = report["data"]
    names = [one["data"] for one in data]
    q, n = data[0]["q"], data[0]["replicates"]
    print(f"People ({data[0]['metric']}, min_gain {percent(data[0]['min_gain'])}, q {q}, {n:,} replicates a world):\n")
    table(["data", "window", "segment", "users", "whose lists differ in value", "worth", "gain", "sd(d) / mean(g)", "drawn from"],
          [[one["data"], p["window"], p["segment"], f"{p['users']:,}", f"{p['informative']:,}", f"{p['effective_users']:.0f}", percent(p["gain"]), rate(p["spread"]), "yes" if p["used"] else "no"]
           for one in data for p in one["people"] if p["informative"]])
    print("P(any false promotion), every segment's true gain exactly at its null, with its 95 % interval, and how many segments are tested on average:\n")
    table(["world"] + names + ["bar"],
          [row + [rate(data[0]["worlds"][0]["bar"])] for row in rows_by_world(
              data, "worlds", lambda r: f"{rate(r['rate'])} [{rate(r['low'])}, {rate(r['high'])}], {r['tested']:.1f} of {r['segments']}" + ("" if r["passed"] else " **failed**"))])
    print("One-sided type-I error of a single test at .05 / .005 / .001:\n")
    triple = lambda values: " / ".join(rate(v) for v in values)
    table(["data", "users", "t", "Hall", "worse of both (the gate's)"],
          [[one["data"], str(r["n"]), triple(r["t"]), triple(r["hall"]), triple(r["worse_of_both"])] for one in data for r in one["type_one"]])
    print("Power (share of tested segments that are promoted), every segment's true gain above min_gain by as much:\n")
    table(["world"] + names, rows_by_world(data, "power", lambda r: rate(r["power"])))
    print("Half of nine segments exactly at min_gain, the others above it; false discovery rate / power:\n")
    table(["world"] + names, rows_by_world(data, "mixed", lambda r: f"{rate(r['fdr'])} / {rate(r['power'])}"))
    print("A third of nine segments gains 3 % for good, the others 0; confirm sees each displaced by N(0, tau²); false discovery rate of what does not gain later / power:\n")
    taus = [r["tau"] for r in data[0]["drift_worlds"]]
    table(["tau"] + names, [[percent(t, 2)] + [f"{rate(one['drift_worlds'][i]['fdr'])} / {rate(one['drift_worlds'][i]['power'])}" for one in data] for i, t in enumerate(taus)]
          + [["q is passed at"] + [percent(one["drift_passed_to"], 2) if one["drift_passed_to"] is not None else "not up to " + percent(taus[-1]) for one in data]])
    print("Measured: how far gains moved beyond their noise, and whether the same users gain:\n")
    table(["data", "windows", "segments", "tau [95 %]", "moved (standard error)", "users in both", "correlation of their d [95 %]"],
          [[one["data"], f"{d['from']} → {d['to']}", str(len(d["segments"])),
            f"{percent(d['tau'])} [{percent(d['tau_low'])}, {percent(d['tau_high'])}]",
            ", ".join(f"{percent(s['moved'])} ({percent(s['error'])})" for s in d["segments"]), percent(d["shared"], 0),
            f"{rate(d['correlation'])} [{rate(d['correlation_low'])}, {rate(d['correlation_high'])}]"]
           for one in data for d in one["drift"] if d["segments"]])
    print(f"{'passed' if report['passed'] else 'FAILED'}; {report['seconds']:.0f} s, {report['threads']} threads, {report['peak_rss_mb']:.0f} MB")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("examples", nargs="*", default=EXAMPLES)
    parser.add_argument("--sartor", default=str(ROOT / "build" / "release" / "bin" / "sartor"))
    parser.add_argument("--scratch", help="kept; a fresh temporary folder if not named")
    parser.add_argument("--replicates", type=int, default=2000)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--report", help="print an earlier proof.json")
    args = parser.parse_args()
    report = json.loads(pathlib.Path(args.report).read_text()) if args.report else measured(args)
    print_report(report)
    return 0 if report["passed"] else 1


if __name__ == "__main__":
    sys.exit(main())

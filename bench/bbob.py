#!/usr/bin/env python3
"""Our sampler beside Optuna's default on COCO's 24 BBOB functions, same instance, dimension, budget and seeds.

    pip install optuna coco-experiment
    bench/bbob.py [--samplers auto tpe] [--seeds 10] [--trials 200] [--dimension 5] [--instances 1]

One JSON line an instance and sampler. `score` is the mean over functions of (median best - optimum) / (median best of 101
random searches - optimum), ours and `peer_score` Optuna's, on the functions of the `cocoex` package and with the same
random searches. `suggest_us_at_1000` is the median time of a suggestion when 1,000 trials of ten parameters are
known, one thread; `suggest_ratio` is Optuna's over ours. `cpu` is all searches' CPU seconds, `peer_cpu` Optuna's.
"""
import argparse
import multiprocessing
import random
import resource
import statistics
import sys
import time

import cocoex
import optuna

import beside

optuna.logging.set_verbosity(optuna.logging.ERROR)


def search(job):
    """The best value of one search, above the optimum."""
    function, dimension, instance, trials, seed, optimum = job
    suite = cocoex.Suite("bbob", f"instances: {instance}", f"function_indices: {function} dimensions: {dimension}")
    problem = suite[0]
    study = optuna.create_study(sampler=optuna.samplers.TPESampler(seed=seed))
    point = lambda trial: [trial.suggest_float(f"x{j}", -5, 5) for j in range(dimension)]
    study.optimize(lambda trial: problem(point(trial)), n_trials=trials)
    return study.best_value - optimum


def microseconds_at_1000(repeats=21):
    """Median time of ask and ten suggest_float, 1,000 random trials told before."""
    study = optuna.create_study(sampler=optuna.samplers.TPESampler(seed=1))
    rng = random.Random(1)
    ranges = {f"x{j}": optuna.distributions.FloatDistribution(-5, 5) for j in range(10)}
    for _ in range(1000):
        values = {name: rng.uniform(-5, 5) for name in ranges}
        study.add_trial(optuna.trial.create_trial(params=values, distributions=ranges, value=sum(v * v for v in values.values())))
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        trial = study.ask()
        values = [trial.suggest_float(name, -5, 5) for name in ranges]
        times.append(time.perf_counter() - start)
        study.tell(trial, sum(v * v for v in values))
    return 1e6 * statistics.median(times)


def theirs(args, instance, functions):
    """Optuna's median best of each function, in the order of `functions`."""
    jobs = [(f["function"], args.dimension, instance, args.trials, seed, f["optimum"]) for f in functions for seed in range(args.seeds)]
    with multiprocessing.Pool(args.threads) as pool:
        best = pool.map(search, jobs, chunksize=1)
    return [statistics.median(best[i : i + args.seeds]) for i in range(0, len(best), args.seeds)]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--samplers", nargs="+", default=["auto", "tpe"])
    parser.add_argument("--instances", nargs="+", type=int, default=[1])
    for name, default in (("seeds", 10), ("trials", 200), ("dimension", 5), ("threads", 2)):
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--sartor", default="build/release/bin/sartor")
    args = parser.parse_args()
    peer_at_1000 = microseconds_at_1000()
    for instance in args.instances:
        peer = None
        for sampler in args.samplers:
            ours = beside.sartor(args, "bbob", ".", args.threads, sampler=sampler, seeds=args.seeds, trials=args.trials,
                                 dimension=args.dimension, instance=instance)
            functions = ours["functions"]
            if peer is None:
                before = resource.getrusage(resource.RUSAGE_CHILDREN)
                peer = theirs(args, instance, functions)
                after = resource.getrusage(resource.RUSAGE_CHILDREN)
                peer_cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
            peer_ratios = [best / f["random"] for best, f in zip(peer, functions)]
            beside.line(workload="bbob", sampler=sampler, instance=instance, dimension=args.dimension, trials=args.trials,
                        seeds=args.seeds, peer=f"optuna {optuna.__version__} TPESampler", score=ours["score"],
                        peer_score=statistics.mean(peer_ratios), suggest_us_at_1000=ours["suggest_us_at_1000"],
                        peer_suggest_us_at_1000=peer_at_1000, suggest_ratio=peer_at_1000 / ours["suggest_us_at_1000"],
                        cpu=ours["cpu_seconds"], peer_cpu=peer_cpu,
                        ratios=[float(f"{f['ratio']:.3g}") for f in functions], peer_ratios=[float(f"{r:.3g}") for r in peer_ratios])


if __name__ == "__main__":
    sys.exit(main())

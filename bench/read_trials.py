#!/usr/bin/env python3
"""Reads a run's trials with Optuna itself (pip install optuna), and checks that it understands all of them: numbers, values,
states, parameters within their distributions, user attributes.

    bench/read_trials.py WORKSPACE/runs/RUN/trials.journal        (or a bundle's evidence/trials.log)
"""
import json
import sys

import optuna
from optuna.storages.journal import JournalFileBackend, JournalStorage

optuna.logging.set_verbosity(optuna.logging.ERROR)
path = sys.argv[1]
written = {}  # study -> values, as the lines say
names = []
for line in open(path, encoding="utf-8"):
    record = json.loads(line)
    if record["op_code"] == 0:
        names.append(record["study_name"])
        written[names[-1]] = []
    elif record["op_code"] == 4:
        written[names[record["study_id"]]].append(record["value"])

storage = JournalStorage(JournalFileBackend(path))
assert [s.study_name for s in optuna.get_all_study_summaries(storage)] == names
for name in names:
    study = optuna.load_study(study_name=name, storage=storage)
    trials = study.trials
    assert [t.value for t in trials] == written[name] and [t.number for t in trials] == list(range(len(trials)))
    for trial in trials:
        assert trial.state == optuna.trial.TrialState.COMPLETE
        assert trial.params and trial.params.keys() == trial.distributions.keys()
        for key, distribution in trial.distributions.items():
            assert distribution._contains(distribution.to_internal_repr(trial.params[key])), (name, trial.number, key)
        assert trial.user_attrs["adaptation"] and trial.user_attrs["family"]
        assert {k: trial.user_attrs.get(k) for k in ("segmentation", "segment")} == {
            k: study.user_attrs.get(k) for k in ("segmentation", "segment")}
    if trials:
        assert study.best_value == max(written[name])
        print(f"{name}: {len(trials)} trials, best {study.best_value:.4f}, {study.best_trial.user_attrs}, {study.best_params}")

#!/usr/bin/env python3
"""Reads a bundle's evidence/trials.log with Optuna itself (pip install optuna): studies, trials, best.

    bench/read_trials.py WORKSPACE/bundles/current/evidence/trials.log
"""
import sys

import optuna
from optuna.storages.journal import JournalFileBackend, JournalStorage

storage = JournalStorage(JournalFileBackend(sys.argv[1]))
for summary in optuna.get_all_study_summaries(storage):
    study = optuna.load_study(study_name=summary.study_name, storage=storage)
    if summary.n_trials:
        print(f"{summary.study_name}: {summary.n_trials} trials, best {study.best_value:.4f}, {study.best_params}")

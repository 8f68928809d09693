"""Nuisance models: predictions for customers that a model has not seen, folds beside each other."""

import lightgbm
import numpy as np

from bankmkt.experiment import nuisance


def test_every_call_of_trees_names_its_threads(monkeypatch):
    # LightGBM keeps one number of threads for the process; a fold that resets it ends the process of another.
    threads = []
    predict, create = lightgbm.Booster.predict, lightgbm.Dataset.__init__

    def predicted(self, *args, **named):
        threads.append(named.get("num_threads"))
        return predict(self, *args, **named)

    def created(self, *args, **named):
        threads.append((named.get("params") or {}).get("num_threads"))
        create(self, *args, **named)

    monkeypatch.setattr(lightgbm.Booster, "predict", predicted)
    monkeypatch.setattr(lightgbm.Dataset, "__init__", created)
    rng = np.random.default_rng(1)
    x, y = rng.normal(size=(600, 2)), rng.normal(size=600)
    fold = np.arange(600) % 3
    nuisance.cross_fit(x, y, np.full(600, True), fold, kind="mean", learner="boosted", seed=1)
    assert threads == [1] * 6

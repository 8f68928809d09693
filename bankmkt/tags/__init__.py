"""Who the customers are: features and tags as declarations, computed in one scan a table.

:class:`Feature` and :class:`Tag` declare; :func:`compute` and :func:`features` compute; :func:`catalogue` lists what
the house has, :func:`lineage` says what one rests on, :func:`stale` which are too old, :func:`quality` how far to trust
them. :func:`read` takes those of a file of your own; :func:`write` writes them out. :func:`portrait` shows one
customer, :func:`eligibility` which running campaigns each may join; :func:`telling`, :func:`visitors` and
:func:`recognition` sum up groups and those who come to a branch.

What will probably happen: :data:`PREDICTIVE` declares (:class:`Prediction`), :func:`train` learns, :func:`predict`
scores, :func:`save_models` and :func:`load_models` keep, :func:`marks` counts whom the tags mark,
:func:`verdicts` which of them later months support.
:func:`evaluate_models` judges, with :func:`later_rows`, :func:`lift_curve`, :func:`reliability` and :func:`fairness`;
:func:`true_probabilities` is the best achievable where the truth is known (:func:`truth_known`, :func:`best_left`).
:func:`leaks` looks for inputs that know the future; :func:`model_card` writes it all down.
"""

from bankmkt.tags.best import best_left, true_probabilities, truth_known
from bankmkt.tags.cards import model_card
from bankmkt.tags.catalogue import catalogue, lineage, stale
from bankmkt.tags.compute import compute, features
from bankmkt.tags.curves import fairness, lift_curve, reliability
from bankmkt.tags.declare import FAMILIES, Feature, Tag
from bankmkt.tags.eligibility import eligibility, eligibility_summary
from bankmkt.tags.export import write
from bankmkt.tags.judging import evaluate_models
from bankmkt.tags.later import later_rows
from bankmkt.tags.leakage import leaks
from bankmkt.tags.learning import train
from bankmkt.tags.marks import marks, verdicts
from bankmkt.tags.models import Model
from bankmkt.tags.portrait import Portrait, check_customer, portrait, showable
from bankmkt.tags.predictive import PREDICTIVE, Prediction
from bankmkt.tags.project import pick, read
from bankmkt.tags.quality import by_family, quality
from bankmkt.tags.reception import recognition, telling, visitors
from bankmkt.tags.scoring import predict
from bankmkt.tags.snapshots import house_inputs
from bankmkt.tags.storing import load_models, save_models

__all__ = [
    "FAMILIES", "PREDICTIVE", "Feature", "Model", "Portrait", "Prediction", "Tag", "best_left", "by_family",
    "catalogue", "check_customer", "compute", "eligibility", "eligibility_summary", "evaluate_models", "fairness",
    "features", "house_inputs", "later_rows", "leaks", "lift_curve", "lineage", "load_models", "marks",
    "model_card", "pick", "portrait", "predict", "quality", "read", "recognition", "reliability", "save_models",
    "showable", "stale", "telling", "train", "true_probabilities", "truth_known", "verdicts", "visitors", "write",
]  # fmt: skip

"""What a campaign changed, and how sure we are.

======================================  ==========================================================================
:func:`campaign`, :func:`panel`         a campaign as a table: who was in it, what was known before, what happened
:func:`compare`, :func:`monthly_path`   participants against others, as campaign reports are usually published
:func:`difference_in_differences`       how both groups moved, with its test :func:`placebo`
:func:`doubly_robust`                   like compared with like; :func:`propensity`, :func:`overlap`
:func:`check`, :func:`effect`           a randomised campaign: was it one, what the invitation did, and
                                        :func:`complier_effect`, what taking part did
:func:`decompose`, :func:`left_over`    the gap between participants and others, taken apart
:func:`truth_of`, :func:`beside_truth`  what really happened, where a synthetic bank knows it
:func:`evaluate`                        all of it in one call, as the report 30_long_tail shows it
======================================  ==========================================================================
"""

from bankmkt.experiment.comparison import compare
from bankmkt.experiment.did import difference_in_differences, naive_difference, placebo
from bankmkt.experiment.effect import check, complier_effect, effect
from bankmkt.experiment.estimate import Estimate, to_frame
from bankmkt.experiment.evaluation import Evaluation, evaluate
from bankmkt.experiment.gap import decompose, left_over
from bankmkt.experiment.methods import beside_truth, estimate_all, estimate_randomised, true_multiple
from bankmkt.experiment.observational import doubly_robust, overlap, propensity
from bankmkt.experiment.panel import COVARIATES, panel
from bankmkt.experiment.path import monthly_path
from bankmkt.experiment.truth import true_effect, truth_of
from bankmkt.experiment.window import Campaign, campaign

__all__ = [
    "COVARIATES",
    "Campaign",
    "Estimate",
    "Evaluation",
    "beside_truth",
    "campaign",
    "check",
    "compare",
    "complier_effect",
    "decompose",
    "difference_in_differences",
    "doubly_robust",
    "effect",
    "estimate_all",
    "estimate_randomised",
    "evaluate",
    "left_over",
    "monthly_path",
    "naive_difference",
    "overlap",
    "panel",
    "placebo",
    "propensity",
    "to_frame",
    "true_effect",
    "true_multiple",
    "truth_of",
]

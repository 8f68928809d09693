"""What a campaign changed, and how sure we are.

======================================  ==========================================================================
:func:`campaign`, :func:`panel`         a campaign as a table: who was in it, what was known before, what happened
:func:`covariates`                      what is known of every customer on a day, described alike
:func:`plan`, :func:`history`            how many customers an answer takes, and what it costs
:func:`assign`, :func:`balance`          draw the arms of an experiment; whether they look alike
:func:`compare`, :func:`monthly_path`   participants against others, as campaign reports are usually published
:func:`difference_in_differences`       how both groups moved, with its test :func:`placebo`
:func:`doubly_robust`                   like compared with like; :func:`propensity`, :func:`overlap`
:func:`check`, :func:`effect`           a randomised campaign: was it one, what the invitation did, and
                                        :func:`complier_effect`, what taking part did
:func:`decompose`                       the gap between participants and others, taken apart
:func:`truth_of`, :func:`true_effect`   what really happened, where a synthetic bank knows it
:func:`every_campaign`                  each campaign's effect by the best design that it allows, in one frame
:func:`evaluate`                        all of it in one call, as the report 30_long_tail shows it
======================================  ==========================================================================
"""

from bankmkt.experiment.assign import assign
from bankmkt.experiment.balance import balance
from bankmkt.experiment.comparison import compare
from bankmkt.experiment.did import difference_in_differences, placebo
from bankmkt.experiment.effect import check, complier_effect, effect
from bankmkt.experiment.estimate import Estimate
from bankmkt.experiment.evaluation import Evaluation, evaluate
from bankmkt.experiment.gap import decompose
from bankmkt.experiment.known import covariates
from bankmkt.experiment.observational import doubly_robust, overlap, propensity
from bankmkt.experiment.overview import every_campaign
from bankmkt.experiment.panel import panel
from bankmkt.experiment.path import monthly_path
from bankmkt.experiment.plan import History, history, plan
from bankmkt.experiment.truth import true_effect, truth_of
from bankmkt.experiment.window import Campaign, campaign

__all__ = [
    "Campaign",
    "Estimate",
    "Evaluation",
    "History",
    "assign",
    "balance",
    "campaign",
    "check",
    "compare",
    "complier_effect",
    "covariates",
    "decompose",
    "difference_in_differences",
    "doubly_robust",
    "effect",
    "evaluate",
    "every_campaign",
    "history",
    "monthly_path",
    "overlap",
    "panel",
    "placebo",
    "plan",
    "propensity",
    "true_effect",
    "truth_of",
]

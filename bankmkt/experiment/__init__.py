"""What a campaign changed, and how sure we are.

======================================  ==========================================================================
:func:`campaign`, :func:`panel`         a campaign as a table: who was in it, what was known before, what happened
:func:`covariates`                      what is known of every customer on a day, described alike
:func:`plan`, :func:`history`            how many customers an answer takes, and what it costs
:func:`assign`, :func:`balance`          draw the arms of an experiment; whether they look alike
:func:`compare`, :func:`monthly_path`   participants against others, as campaign reports are usually published
:func:`difference_in_differences`       how both groups moved, with its test :func:`placebo`
:func:`doubly_robust`                   like compared with like; :func:`propensity`, :func:`overlap`; the same by
                                        :func:`matching` and :func:`weighting`
:func:`sensitivity`                     how strong a hidden cause must be to explain an effect away
:func:`outcome_before`                  negative controls, where no effect can be; :func:`later_exposure`
:func:`methods`                         every method without chance side by side, its diagnostics and the truth;
                                        :func:`compare_methods` for a panel
:func:`check`, :func:`effect`           a randomised campaign: was it one, what the invitation did, and
                                        :func:`complier_effect`, what taking part did
:func:`effects`, :func:`arm_means`      several arms and metrics (:class:`Metric`) in one frame
:func:`dose_effect`, :func:`dose_by`    what a dose drawn by lot does, such as an interest rate, and on whom
:func:`bootstrap`                       an interval for money that a few customers have most of
:func:`looks`, :func:`always_valid`     looking before the end without fooling oneself; :func:`spending`
:func:`best_arm`                        which arm is best, how sure that is, and what choosing wrongly costs
:func:`reached`                         whom a campaign got to, for the check of contact
:func:`decompose`                       the gap between participants and others, taken apart
:func:`truth_of`, :func:`true_effect`   what really happened, where a synthetic bank knows it
:func:`every_campaign`                  each campaign's effect by the best design that it allows, in one frame
:func:`evaluate`                        all of it in one call, as the report 30_long_tail shows it
======================================  ==========================================================================
"""

from bankmkt.experiment.arms import arm_means
from bankmkt.experiment.assign import assign
from bankmkt.experiment.balance import balance
from bankmkt.experiment.best import Best, best_arm
from bankmkt.experiment.bootstrap import bootstrap
from bankmkt.experiment.check import check
from bankmkt.experiment.comparison import compare
from bankmkt.experiment.design import Checks
from bankmkt.experiment.did import difference_in_differences, placebo
from bankmkt.experiment.dose import dose_by, dose_effect
from bankmkt.experiment.effect import complier_effect, effect
from bankmkt.experiment.effects import effects
from bankmkt.experiment.estimate import Estimate
from bankmkt.experiment.evaluation import Evaluation, evaluate
from bankmkt.experiment.gap import decompose
from bankmkt.experiment.history import History, history
from bankmkt.experiment.known import covariates
from bankmkt.experiment.limits import always_valid, spending
from bankmkt.experiment.looks import looks
from bankmkt.experiment.matching import matching
from bankmkt.experiment.methods import compare_methods, methods
from bankmkt.experiment.metric import Metric
from bankmkt.experiment.negative import later_exposure, outcome_before
from bankmkt.experiment.observational import doubly_robust, overlap, propensity
from bankmkt.experiment.overview import every_campaign
from bankmkt.experiment.panel import panel
from bankmkt.experiment.path import monthly_path
from bankmkt.experiment.plan import plan
from bankmkt.experiment.sensitivity import Sensitivity, sensitivity
from bankmkt.experiment.spill import reached
from bankmkt.experiment.truth import true_effect, truth_of
from bankmkt.experiment.weighting import weighting
from bankmkt.experiment.window import Campaign, campaign

__all__ = [
    "Best",
    "Campaign",
    "Checks",
    "Estimate",
    "Evaluation",
    "History",
    "Metric",
    "Sensitivity",
    "always_valid",
    "arm_means",
    "assign",
    "balance",
    "best_arm",
    "bootstrap",
    "campaign",
    "check",
    "compare",
    "compare_methods",
    "complier_effect",
    "covariates",
    "decompose",
    "difference_in_differences",
    "dose_by",
    "dose_effect",
    "doubly_robust",
    "effect",
    "effects",
    "evaluate",
    "every_campaign",
    "history",
    "later_exposure",
    "looks",
    "matching",
    "methods",
    "monthly_path",
    "outcome_before",
    "overlap",
    "panel",
    "placebo",
    "plan",
    "propensity",
    "reached",
    "sensitivity",
    "spending",
    "true_effect",
    "truth_of",
    "weighting",
]

"""Whom a campaign changes: learned from an experiment, judged by it, and turned into a list or refused.

==================================  ==============================================================================
:class:`Study`, :func:`study_of`    arms, chances, outcome and what was known before, checked; from a bank's campaign
:func:`cross_fit`                   scores by causalml's learners, each customer's by models of others
:func:`expected_outcomes`           what each customer would do in every arm, which sharpens the figures below
:func:`evaluate`                    how well scores put customers in order of the effect: Q with its interval
:func:`curve`                       the curve behind Q, with a band
:func:`q_draws`,                    Q of many models at once: draws, and intervals that hold for all of them
:func:`joint_intervals`
:func:`compare_models`              which of two models is better, and how sure that is
:func:`calibration`                 whether predicted effects may be taken at their word
:func:`groups`                      effect by tenths of a score
:func:`heterogeneity`               whether effects differ as the score says: one slope with its interval
:func:`traits`                      how the most and the least affected differ
:func:`who_reacts`                  the last three in one table
:func:`scorer`, :func:`score`       learn from all of a study and score other customers, any number of them
:func:`save_scorer`,                keep it as text, and read it back
:func:`load_scorer`
:func:`policy`                      whom to contact, with what, and what it is worth; or why nobody can say
:func:`target_list`                 the list as files, with reasons, a hold-out and a record; :func:`read_target_list`
:func:`closed_loop`                 round after round in a synthetic bank: ways to choose, and what each gives away
:func:`effect_scores`, :func:`qini` what these are computed from
==================================  ==============================================================================
"""

from bankmkt.uplift.calibration import calibration, who_reacts
from bankmkt.uplift.campaign_study import study_of
from bankmkt.uplift.curve import curve
from bankmkt.uplift.draws import joint_intervals, q_draws
from bankmkt.uplift.evaluation import compare_models, evaluate
from bankmkt.uplift.heterogeneity import groups, heterogeneity, traits
from bankmkt.uplift.learners import cross_fit, expected_outcomes
from bankmkt.uplift.loop import closed_loop
from bankmkt.uplift.policy import policy, policy_or_reason
from bankmkt.uplift.policy_choice import Policy
from bankmkt.uplift.qini import effect_scores, qini
from bankmkt.uplift.scorer import Scorer, load_scorer, save_scorer, scorer
from bankmkt.uplift.scoring import score
from bankmkt.uplift.study import Study
from bankmkt.uplift.target_files import read_target_list
from bankmkt.uplift.targets import target_list

__all__ = [
    "Policy",
    "Scorer",
    "Study",
    "calibration",
    "closed_loop",
    "compare_models",
    "cross_fit",
    "curve",
    "effect_scores",
    "evaluate",
    "expected_outcomes",
    "groups",
    "heterogeneity",
    "joint_intervals",
    "load_scorer",
    "policy",
    "policy_or_reason",
    "q_draws",
    "qini",
    "read_target_list",
    "save_scorer",
    "score",
    "scorer",
    "study_of",
    "target_list",
    "traits",
    "who_reacts",
]

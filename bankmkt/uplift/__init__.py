"""Whom a campaign changes: learned from an experiment, judged by it, and turned into a list or refused.

==================================  ==============================================================================
:class:`Study`                      arms, chances, outcome and what was known before, checked
:func:`cross_fit`                   scores by causalml's learners, each customer's by models of others
:func:`expected_outcomes`           what each customer would do in every arm, which sharpens the figures below
:func:`evaluate`                    how well scores put customers in order of the effect: Q with its interval
:func:`compare_models`              which of two models is better, and how sure that is
:func:`groups`                      effect by tenths of a score
:func:`heterogeneity`               whether effects differ as the score says: one slope with its interval
:func:`traits`                      how the most and the least affected differ
:func:`effect_scores`, :func:`qini` what these are computed from
==================================  ==============================================================================
"""

from bankmkt.uplift.evaluation import compare_models, evaluate
from bankmkt.uplift.heterogeneity import groups, heterogeneity, traits
from bankmkt.uplift.learners import cross_fit, expected_outcomes
from bankmkt.uplift.qini import effect_scores, qini
from bankmkt.uplift.study import Study

__all__ = [
    "Study",
    "compare_models",
    "cross_fit",
    "effect_scores",
    "evaluate",
    "expected_outcomes",
    "groups",
    "heterogeneity",
    "qini",
    "traits",
]

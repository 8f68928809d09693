"""What customers do: funnels, growth, traffic, journeys, channels and attribution, over any table of events.

The package is called like the function it is named after: ``bm.funnel(events, ["view", "buy"])``.

=====================================================  ===========================================================
*How far do they get?*                                 :func:`funnel`, :func:`compare`, :func:`shown`
*Does the bank grow?*                                  :func:`aarrr`, :func:`cohorts`
*What happens on our platforms?*                       :func:`platform`, :func:`hours_of_week`, :func:`sessions`,
                                                       :func:`session_summary`
*Do campaigns pay, and would we notice a fault?*       :func:`returns`, :func:`monitor`, :func:`delays`
*Can the events be trusted?*                           :func:`event_faults`, :func:`stitch`, :func:`stitch_counts`
*Which ways do they take?*                             :func:`journeys`, :func:`transitions`, :func:`journey_flows`,
                                                       :func:`step_matrix`, :func:`frequent_paths`, :func:`loops`,
                                                       :func:`compare_journeys`
*What comes before a purchase?*                        :func:`triggers`, :func:`default_triggers`
*Which channel, for whom?*                             :func:`acts`, :func:`handovers`, :func:`channel_choice`,
                                                       :func:`choice_summary`, :func:`choice_check`
*Which touch is credited, and which made the sale?*    :func:`touches`, :func:`attribute`, :func:`campaign_credit`,
                                                       :func:`new_holdings`, :func:`shapley_values`
=====================================================  ===========================================================
"""

import sys
from types import ModuleType

from bankmkt.funnel.aarrr import aarrr
from bankmkt.funnel.attribution import Attribution, attribute
from bankmkt.funnel.channel_choice import RULES, channel_choice, choice_check, choice_summary
from bankmkt.funnel.channel_review import ChannelReview, channel_review
from bankmkt.funnel.channels import acts
from bankmkt.funnel.cohorts import cohorts
from bankmkt.funnel.comparison import compare
from bankmkt.funnel.contract import event_faults
from bankmkt.funnel.delays import delays
from bankmkt.funnel.funnel import Funnel, funnel
from bankmkt.funnel.handovers import handovers
from bankmkt.funnel.incremental import CampaignCredit, campaign_credit, new_holdings
from bankmkt.funnel.journey_comparison import compare_journeys
from bankmkt.funnel.journeys import journeys
from bankmkt.funnel.monitor import Replay, monitor
from bankmkt.funnel.platform import hours_of_week, platform
from bankmkt.funnel.returns import returns
from bankmkt.funnel.sequences import frequent_paths, loops
from bankmkt.funnel.sessions import session_summary, sessions
from bankmkt.funnel.shapley import shapley_sampled, shapley_values
from bankmkt.funnel.shown import Shown, shown
from bankmkt.funnel.shown_credit import ShownCredit, shown_credit
from bankmkt.funnel.step_matrix import step_matrix
from bankmkt.funnel.stitching import stitch, stitch_counts
from bankmkt.funnel.touch_costs import contact_costs
from bankmkt.funnel.touches import touches
from bankmkt.funnel.transitions import journey_flows, transitions
from bankmkt.funnel.trigger_days import Trigger, default_triggers
from bankmkt.funnel.triggers import Triggers, triggers

__all__ = [
    "RULES",
    "Attribution",
    "CampaignCredit",
    "ChannelReview",
    "Funnel",
    "Replay",
    "Shown",
    "ShownCredit",
    "Trigger",
    "Triggers",
    "aarrr",
    "acts",
    "attribute",
    "campaign_credit",
    "channel_choice",
    "channel_review",
    "choice_check",
    "choice_summary",
    "cohorts",
    "compare",
    "compare_journeys",
    "contact_costs",
    "default_triggers",
    "delays",
    "event_faults",
    "frequent_paths",
    "funnel",
    "handovers",
    "hours_of_week",
    "journey_flows",
    "journeys",
    "loops",
    "monitor",
    "new_holdings",
    "platform",
    "returns",
    "session_summary",
    "sessions",
    "shapley_sampled",
    "shapley_values",
    "shown",
    "shown_credit",
    "step_matrix",
    "stitch",
    "stitch_counts",
    "touches",
    "transitions",
    "triggers",
]


class _Callable(ModuleType):
    __call__ = staticmethod(funnel)


sys.modules[__name__].__class__ = _Callable

"""Contacts: how often customers were addressed, by whom, how they answered, and which campaigns they joined."""

from typing import Any

from ibis import _, cases

from bankmkt.tags.declare import Feature, Tag
from bankmkt.tags.rules import count_true, days_since, ratio

FAMILY = "contacts"

_DEPARTMENTS = ("wealth", "cards", "loans", "digital", "payroll", "deposits")
_CHANNELS = ("sms", "app_push", "call", "wechat", "rm")
_ANSWERED = _.status.isin(("opened", "answered"))


def _acts(name: str, event: str, months: int) -> Feature:
    return Feature(name, "events", _.count(where=_.event == event), months, f"{event} in {months} months")


FEATURES = (
    *(Feature(f"{department}_contacts", "contacts", _.count(where=_.department == department), 6,
              f"contacts by {department} in six months")
      for department in _DEPARTMENTS),
    *(Feature(f"{channel}_tries", "contacts", _.count(where=_.channel == channel), 12,
              f"contacts by {channel} in twelve months")
      for channel in _CHANNELS),
    *(Feature(f"{channel}_answers", "contacts", _.count(where=(_.channel == channel) & _ANSWERED), 12,
              f"contacts by {channel} opened or answered in twelve months")
      for channel in ("app_push", "call", "wechat", "rm")),
    Feature("contacts_month", "contacts", _.count(), 1, "contacts in the last month"),
    Feature("contacts_quarter", "contacts", _.count(), 3, "contacts in three months"),
    Feature("contacts_month_2", "contacts", _.count(), 1, "contacts in the month before the last", before=1),
    Feature("contacts_month_3", "contacts", _.count(), 1, "contacts two months before the last", before=2),
    Feature("contacts_year", "contacts", _.count(), 12, "contacts in twelve months"),
    Feature("answers_half", "contacts", _.count(where=_ANSWERED), 6, "contacts opened or answered in six months"),
    Feature("contacts_half", "contacts", _.count(), 6, "contacts in six months"),
    Feature("answers_year", "contacts", _.count(where=_ANSWERED), 12, "contacts opened or answered in twelve months"),
    Feature("failures_year",
            "contacts", _.count(where=_.status == "failed"), 12, "contacts that failed in twelve months"),
    Feature("opt_outs",
            "contacts", _.count(where=_.status == "opted_out"), None, "times the customer asked to be left alone"),
    Feature("last_contact", "contacts", _.ts.max(), 12, "last contact within a year", empty=None),
    _acts("campaign_views", "campaign_view", 3),
    _acts("campaign_clicks", "campaign_click", 3),
    _acts("campaign_joins", "campaign_join", 3),
    _acts("campaign_joins_year", "campaign_join", 12),
    _acts("campaign_conversions", "campaign_convert", 12),
    _acts("shares", "share", 12),
    Feature("invited", "assignments", _.count(where=_.arm != "control"), 6, "campaigns one could join, of six months"),
    Feature("joined", "assignments", _.count(where=_.participated), 6, "campaigns of six months that were joined"),
    Feature("joined_ever", "assignments", _.count(where=_.participated), 24, "campaigns of 24 months that were joined"),
    Feature("held_out",
            "assignments", _.count(where=_.arm == "control"), 6, "campaigns of six months with the customer held out"),
)  # fmt: skip

_REPLY = {channel: ratio(_[f"{channel}_answers"], _[f"{channel}_tries"]).fill_null(0)
          for channel in ("app_push", "call", "wechat", "rm")}  # fmt: skip
_NAMES = {"rm": "relationship manager", "call": "call", "wechat": "WeChat", "app_push": "app push"}


def _best(channel: str) -> Any:
    """Return whether a channel is answered, and no other more often."""
    best = _REPLY[channel] > 0
    for other in _NAMES:
        if other != channel:
            best = best & (_REPLY[channel] >= _REPLY[other])
    return best


TAGS = (
    Tag("contacts_in_quarter", "Contacts of a quarter", "季度触达次数", FAMILY, _.contacts_quarter,
        "contact attempts of the last three months"),
    Tag("contact_pressure", "Contact pressure", "触达压力指数", FAMILY,
        _.contacts_month + 0.5 * _.contacts_month_2 + 0.25 * _.contacts_month_3,
        "contacts of the last month, plus half of those of the month before and a quarter of those before "
        "that"),
    Tag("over_contacted", "Contacted too often", "过度触达", FAMILY, _.contacts_quarter >= 4,
        "4 contacts or more within three months: leave alone"),
    Tag("fatigued", "Tired of contacts", "触达疲劳", FAMILY, (_.contacts_half >= 4) & (_.answers_half == 0),
        "4 contacts or more within six months, none of them opened or answered"),
    Tag("several_departments", "Contacted by several departments", "多部门触达", FAMILY,
        count_true(*(_[f"{department}_contacts"] > 0 for department in _DEPARTMENTS)) >= 2,
        "2 departments or more made contact within six months"),
    Tag("forgotten", "Forgotten", "高价值未触达", FAMILY, (_.aum >= 50_000) & (_.contacts_year == 0),
        "AUM of 50,000 yuan or more, no contacts within 12 months"),
    Tag("opted_out", "Asked to be left alone", "拒绝营销", FAMILY, _.opt_outs > 0,
        "has asked not to be contacted, at any time"),
    Tag("unreachable", "Cannot be reached", "无法触达", FAMILY, (_.failures_year >= 2) & (_.answers_year == 0),
        "2 failed contacts or more within 12 months, none opened or answered"),
    Tag("answers_calls", "Answers calls", "电话可触达", FAMILY, _.call_answers > 0,
        "answered a call within 12 months"),
    Tag("answers_manager", "Answers the relationship manager", "客户经理可触达", FAMILY, _.rm_answers > 0,
        "answered a relationship manager within 12 months"),
    Tag("opens_wechat", "Opens WeChat messages", "微信可触达", FAMILY, _.wechat_answers > 0,
        "opened a WeChat message within 12 months"),
    Tag("opens_push", "Opens app messages", "推送可触达", FAMILY, _.app_push_answers > 0,
        "opened an app message within 12 months"),
    Tag("text_only", "Addressed by text message only", "仅短信触达", FAMILY,
        (_.sms_tries >= 2) & (_.contacts_year == _.sms_tries),
        "2 text messages or more within 12 months, and no other contact"),
    Tag("best_channel", "Best channel to answer", "最佳触达渠道", FAMILY,
        cases(*((_best(channel), name) for channel, name in _NAMES.items()), else_=None),
        "of relationship manager, call, WeChat and app push, the one most often answered or opened per "
        "attempt within 12 months"),
    Tag("response_rate", "Response rate", "触达响应率", FAMILY, ratio(_.answers_year, _.contacts_year - _.sms_tries),
        "contacts opened or answered ÷ contacts other than text messages, which report neither, within 12 months; null "
        "if none"),
    Tag("days_since_contact", "Days since the last contact", "距上次触达天数", FAMILY,
        days_since(_.last_contact.date()),
        "days since the last contact attempt; null if there was none within 12 months"),
    Tag("looks_only", "Looks at campaigns only", "活动浏览未点击", FAMILY,
        (_.campaign_views >= 2) & (_.campaign_clicks == 0),
        "2 views or more of campaigns within three months, no clicks"),
    Tag("clicked_not_joined", "Clicked, did not join", "点击未参与", FAMILY,
        (_.campaign_clicks > 0) & (_.campaign_joins == 0),
        "clicked on a campaign within three months, joined none"),
    Tag("campaign_fan", "Joins campaigns", "活动爱好者", FAMILY, _.campaign_joins_year > 0,
        "joined a campaign on line within 12 months"),
    Tag("repeat_joiner", "Joins again and again", "多次参与活动", FAMILY, _.joined_ever >= 2,
        "took part in 2 campaigns or more of the last 24 months"),
    Tag("declined_all", "Invited, never joined", "受邀未参与", FAMILY, (_.invited > 0) & (_.joined == 0),
        "could join a campaign of the last six months, joined none"),
    Tag("held_out_now", "Held out for measuring", "对照组客户", FAMILY, _.held_out > 0,
        "in the control group of a campaign of the last six months: do not address for it"),
    Tag("campaign_buyer", "Bought in a campaign", "活动转化客户", FAMILY, _.campaign_conversions > 0,
        "converted in a campaign within 12 months"),
    Tag("sharer", "Shares with friends", "分享达人", FAMILY, _.shares > 0,
        "shared a campaign within 12 months"),
    Tag("buys_unprompted", "Buys without being asked", "自主购买", FAMILY,
        (_.purchase_quarter > 0) & (_.contacts_quarter == 0),
        "bought a product within three months, with no contacts in them"),
    Tag("buys_after_contact", "Bought after a contact", "触达后购买", FAMILY,
        (_.purchase_year > 0) & (_.contacts_year > 0)
        & _.last_purchase.date().delta(_.last_contact.date(), unit="day").between(0, 30),
        "the last purchase of a product came 0 to 30 days after the last contact, both within 12 months"),
)  # fmt: skip

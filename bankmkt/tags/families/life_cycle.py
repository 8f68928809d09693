"""Life cycle: how long somebody has been a customer, at which age, and whether the relation wakes or fades."""

from ibis import _, cases, greatest

from bankmkt.schema import BANK_KINDS
from bankmkt.tags.declare import Feature, Tag
from bankmkt.tags.rules import bands, count_true, days_since, next_month, years_since

FAMILY = "life cycle"

OWN = (
    (_.channel.isnull() | (_.channel != "auto"))
    & _.kind.notin((*BANK_KINDS, "salary", "transfer_in"))
    & ((_.product == "demand") | (_.kind == "spend"))
)
"""Movements that the customer made: each once, none that the bank or a sender made, channel known or not."""


def _own(name: str, months: int, before: int, when: str) -> Feature:
    return Feature(
        name, "transactions", _.count(where=OWN), months, f"movements the customer made {when}", before=before
    )


FEATURES = (
    _own("own_month", 1, 0, "in the last month"),
    _own("own_quarter", 3, 0, "in the last three months"),
    _own("own_quarter_2", 3, 3, "in the three months before those"),
    _own("own_quarter_3", 3, 6, "seven to nine months ago"),
    _own("own_quarter_4", 3, 9, "ten to twelve months ago"),
    Feature("last_own", "transactions", _.ts.max(where=OWN), 12, "last movement the customer made, within a year",
            empty=None),
    Feature("login_month", "events", _.count(where=_.event == "login"), 1, "logins in the last month"),
    Feature("login_quarter", "events", _.count(where=_.event == "login"), 3, "logins in the last three months"),
    Feature("login_quarter_2", "events", _.count(where=_.event == "login"), 3,
            "logins in the three months before those", before=3),
    Feature("last_login", "events", _.ts.max(where=_.event == "login"), 12, "last login within a year", empty=None),
)  # fmt: skip

_AGE = years_since(_.birth_date)
_DAYS = days_since(_.opened_on)

TAGS = (
    Tag("tenure_years", "Years with the bank", "客户年限", FAMILY, years_since(_.opened_on),
        "completed years since the first account was opened"),
    Tag("tenure_stage", "Stage by tenure", "客户阶段", FAMILY,
        cases((_DAYS <= 90, "new"), (_DAYS <= 365, "settling in"), (_DAYS <= 1826, "established"), else_="loyal"),
        "new up to 90 days after opening, settling in up to 365, established up to 1826 (five years), then loyal"),
    Tag("generation", "Generation", "年代", FAMILY,
        bands(_.birth_date.year(), ((1960, "before 1960"), (1980, "1960s and 1970s"), (1990, "1980s"), (2000, "1990s")),
              "2000s"),
        "born before 1960, 1980 (60后, 70后), 1990 (80后) or 2000 (90后), or since (00后)"),
    Tag("age", "Age", "年龄", FAMILY, _AGE, "completed years"),
    Tag("birthday_next_month", "Birthday next month", "下月生日", FAMILY, next_month(_.birth_date),
        "the birthday falls into the next calendar month: a reason to write"),
    Tag("anniversary_next_month", "Anniversary next month", "下月开户纪念日", FAMILY,
        next_month(_.opened_on), "the day the account was opened returns in the next calendar month"),
    Tag("nearing_retirement", "Nearing retirement", "临近退休", FAMILY,
        (_.occupation != "retired")
        & (((_.gender == "female") & _AGE.between(50, 54)) | ((_.gender == "male") & _AGE.between(55, 59))),
        "not retired; women of 50 to 54 and men of 55 to 59 years"),
    Tag("young_professional", "Young professional", "职场新人", FAMILY,
        _AGE.between(22, 30) & _.occupation.isin(("public_sector", "state_enterprise", "private_company")),
        "aged 22 to 30, employed by the state, a state enterprise or a company"),
    Tag("new_unfunded", "New without money", "新户未入金", FAMILY, (_DAYS <= 90) & (_.aum < 1_000),
        "opened within 90 days, AUM below 1,000 yuan"),
    Tag("new_without_app", "New without the app", "新户未开通手机银行", FAMILY,
        (_DAYS <= 90) & _.app_registered_on.isnull(), "opened within 90 days, not yet registered for the app"),
    Tag("new_without_purchase", "New, first purchase to come", "新户待首购", FAMILY,
        _DAYS.between(30, 180) & (_.purchase_year == 0),
        "opened 30 to 180 days ago, no deposit, wealth product, fund, insurance or metal bought in 12 months"),
    Tag("fast_starter", "Fast starter", "快速成长新户", FAMILY, (_DAYS <= 180) & (_.products_now >= 3),
        "opened within 180 days, three products or more at the last month end"),
    Tag("active", "Active", "活跃客户", FAMILY, (_.own_month >= 3) | (_.login_month >= 1),
        "3 movements of one's own or 1 login or more within the last month"),
    Tag("dormant", "Dormant", "睡眠客户", FAMILY,
        (_DAYS > 180) & (_.own_quarter == 0) & (_.login_quarter == 0),
        "customer for more than 180 days, no movement of one's own and no login within three months"),
    Tag("returned", "Returned on line", "线上回流客户", FAMILY,
        (_.login_quarter >= 1) & (_.login_quarter_2 == 0)
        & _.app_registered_on.notnull() & (days_since(_.app_registered_on) > 180),
        "signed up for the app more than 180 days ago; 1 login or more within three months, none in the three before"),
    Tag("fading", "Fading", "活跃度下降", FAMILY, (_.own_quarter_2 >= 6) & (_.own_quarter < 0.5 * _.own_quarter_2),
        "fewer than half as many movements in the last three months as in the three before, from 6 or more"),
    Tag("warming", "Warming up", "活跃度上升", FAMILY, (_.own_quarter >= 6) & (_.own_quarter >= 2 * _.own_quarter_2),
        "6 movements or more in the last three months, and at least 2 times as many as in the three before"),
    Tag("days_silent", "Days of silence", "静默天数", FAMILY,
        cases((_.own_quarter.notnull() & _.login_quarter.notnull(),
               days_since(greatest(_.last_own.date(), _.last_login.date()))), else_=None),
        "days since the last movement of one's own or login; null after 12 months of silence, or "
        "where movements or logins of three months are unknown"),
    Tag("active_quarters", "Active quarters", "活跃季度数", FAMILY,
        count_true(_.own_quarter > 0, _.own_quarter_2 > 0, _.own_quarter_3 > 0, _.own_quarter_4 > 0),
        "of the last four quarters of three months, those with a movement of one's own"),
    Tag("seasonal", "Seasonal", "季节性客户", FAMILY,
        (_DAYS > 365) & (greatest(_.own_quarter, _.own_quarter_2, _.own_quarter_3, _.own_quarter_4) >= 6)
        & (5 * greatest(_.own_quarter, _.own_quarter_2, _.own_quarter_3, _.own_quarter_4)
           > 2 * (_.own_quarter + _.own_quarter_2 + _.own_quarter_3 + _.own_quarter_4)),
        "customer for more than 365 days; one quarter of three months, with 6 movements or more, held over 2 in 5 of "
        "the year's"),
)  # fmt: skip

"""Rules by example: life cycle, wealth, products and channels.

A condition has cases: inputs for which it holds, just so, then changes of them, each of which puts it just outside.
A value has inputs with what is expected. What is not named is 0, an attribute or a date unknown; the day is 2026-06-30.
"""

import datetime
from functools import partial

DAY = datetime.date(2026, 6, 30)


def ago(days):
    return DAY - datetime.timedelta(days=days)


def day(text):
    return datetime.date.fromisoformat(text)


def noon(text):
    return datetime.datetime.fromisoformat(f"{text} 12:00")


def each(names, **more):
    """Return a case per name, which holds if its input is 1 and not if it is 0."""
    return tuple(({name: 1, **more}, {name: 0}) for name in names)


born, opened, registered = (
    partial(lambda name, when, **more: {name: when if isinstance(when, datetime.date) else ago(when), **more}, name)
    for name in ("birth_date", "opened_on", "app_registered_on")
)
"""Inputs with a date of birth, opening or sign-up: the date, or so many days before the day."""


def woman(birth, **more):
    return born(day(birth), **{"gender": "female", "occupation": "other", **more})


def man(birth, **more):
    return born(day(birth), **{"gender": "male", "occupation": "other", **more})


YEAR_END, JANUARY, MID_JUNE = ({"as_of": day(text)} for text in ("2026-12-31", "2026-01-31", "2026-06-15"))
OWN = ("own_app", "own_mini_programme", "own_web", "own_counter", "own_atm", "own_pos", "own_third_party")
QUARTERS = ("own_quarter", "own_quarter_2", "own_quarter_3", "own_quarter_4")
PARTS = ("morning", "noon", "afternoon", "evening", "night")

CONDITIONS = {
    "birthday_next_month": (
        (born(day("1990-07-01")), born(day("1990-06-30"))),
        (born(day("1990-07-31")), born(day("1990-08-01"))),
        (born(day("1990-01-15"), **YEAR_END), born(day("1990-12-15"))),
        (born(day("1990-02-15"), **JANUARY), born(day("1990-03-01"))),
    ),
    "anniversary_next_month": (
        (opened(day("2020-07-01")), opened(day("2020-06-30")), opened(day("2020-08-01"))),
        (opened(day("2020-01-31"), **YEAR_END), opened(day("2020-02-01"))),
    ),
    "nearing_retirement": (
        (woman("1976-06-30"), woman("1976-07-01"), {"occupation": "retired"}, {"gender": "male"}),
        (woman("1971-07-01"), woman("1971-06-30")),
        (man("1971-06-30"), man("1971-07-01"), {"occupation": "retired"}, {"gender": "female"}),
        (man("1966-07-01"), man("1966-06-30")),
    ),
    "young_professional": (
        (woman("2004-06-30", occupation="private_company"), born(day("2004-07-01")), {"occupation": "self_employed"}),
        (woman("1995-07-01", occupation="public_sector"), born(day("1995-06-30")), {"occupation": "farmer"}),
        (woman("2000-01-01", occupation="state_enterprise"), {"occupation": "retired"}),
    ),
    "new_unfunded": ((opened(90, aum=999.99), opened(91), {"aum": 1_000}),),
    "new_without_app": ((opened(90), opened(91), registered(1)),),
    "new_without_purchase": (
        (opened(30), opened(29), {"purchase_year": 1}),
        (opened(180), opened(181), {"purchase_year": 1}),
    ),
    "fast_starter": ((opened(180, products_now=3), opened(181), {"products_now": 2}),),
    "active": (({"own_month": 3}, {"own_month": 2}), ({"login_month": 1}, {"login_month": 0})),
    "dormant": ((opened(181), opened(180), {"own_quarter": 1}, {"login_quarter": 1}),),
    "returned": (
        (registered(181, login_quarter=1), registered(180), {"app_registered_on": None}, {"login_quarter": 0},
         {"login_quarter_2": 1}),
    ),
    "fading": (({"own_quarter_2": 6, "own_quarter": 2}, {"own_quarter": 3}, {"own_quarter_2": 5}),),
    "warming": (
        ({"own_quarter": 6, "own_quarter_2": 3}, {"own_quarter_2": 4}, {"own_quarter": 5, "own_quarter_2": 2}),
    ),
    "seasonal": (
        (opened(366, own_quarter=6, own_quarter_2=3, own_quarter_3=3, own_quarter_4=2), opened(365),
         {"own_quarter_4": 3}, {"own_quarter": 5, "own_quarter_2": 0}),
        (opened(366, own_quarter=3, own_quarter_2=6, own_quarter_3=3, own_quarter_4=2), {"own_quarter": 4}),
        (opened(366, own_quarter=3, own_quarter_2=3, own_quarter_3=6, own_quarter_4=2), {"own_quarter_2": 4}),
        (opened(366, own_quarter=3, own_quarter_2=3, own_quarter_3=2, own_quarter_4=6), {"own_quarter_3": 3}),
    ),
    "nearly_next_tier": (
        ({"aum": 40_000}, {"aum": 39_999.99}),
        ({"aum": 49_999.99}, {"aum": 50_000}),
        ({"aum": 400_000}, {"aum": 399_999.99}),
        ({"aum": 499_999.99}, {"aum": 500_000}),
        ({"aum": 4_800_000}, {"aum": 4_799_999.99}),
        ({"aum": 5_999_999.99}, {"aum": 6_000_000}),
    ),
    "tier_up": tuple(
        ({"aum": limit, "aum_quarter_ago": limit - 0.01}, {"aum": limit - 0.01}, {"aum_quarter_ago": limit},
         {"aum_quarter_ago": 0})
        for limit in (50_000, 500_000, 6_000_000)
    ),
    "tier_down": tuple(
        ({"aum": limit - 0.01, "aum_quarter_ago": limit}, {"aum": limit}, {"aum_quarter_ago": limit - 0.01})
        for limit in (50_000, 500_000, 6_000_000)
    ),
    "money_leaving": (
        ({"aum_quarter_ago": 10_000, "aum": 6_999.99}, {"aum": 7_000}, {"aum_quarter_ago": 9_999.99}),
    ),
    "money_arriving": (
        ({"aum": 10_000, "aum_quarter_ago": 6_666.66}, {"aum_quarter_ago": 6_666.67}, {"aum_quarter_ago": 0}),
        ({"aum": 10_000, "aum_quarter_ago": 0.01}, {"aum": 9_999.99}),
    ),
    "sliding": (
        ({"aum_half_ago": 10_000, "aum_quarter_ago": 9_499.99, "aum": 9_024.99}, {"aum": 9_025},
         {"aum_quarter_ago": 9_500}, {"aum_half_ago": 9_999.99}),
    ),
    "below_peak": (({"aum_peak": 50_000, "aum": 24_999.99}, {"aum": 25_000}, {"aum_peak": 49_999.99}),),
    "at_peak": (
        ({"aum": 10_000, "aum_peak": 10_000, "aum_year_ago": 9_090.9}, {"aum_peak": 10_000.01},
         {"aum_year_ago": 9_090.92}, {"aum_year_ago": 0},
         {"aum": 9_999.99, "aum_peak": 9_999.99, "aum_year_ago": 9_000}),
        ({"aum": 10_000, "aum_peak": 10_000, "aum_year_ago": 0.01}, {"aum_year_ago": 0}),
    ),
    "swinging": (
        ({"aum_mean": 10_000, "aum_peak": 15_000.01, "aum_low": 5_000}, {"aum_peak": 15_000}, {"aum_low": 5_000.01},
         {"aum_mean": 9_999.99}),
    ),
    "idle_cash": (
        ({"demand_now": 20_000, "aum": 25_000}, {"aum": 25_000.02}, {"demand_now": 19_999.99, "aum": 20_000}),
    ),
    "one_basket": (
        ({"deposit_now": 45_000.01, "aum": 50_000}, {"aum": 49_999.99}),
        *(({name: 45_000.01, "aum": 50_000}, {name: 45_000})
          for name in ("deposit_now", "wealth_now", "fund_now", "insurance_now", "metal_now")),
    ),
    "large_sum_arrived": (({"largest_in": 50_000}, {"largest_in": 49_999.99}),),
    "large_sum_left": (({"largest_out": 50_000}, {"largest_out": 49_999.99}),),
    "money_passes_through": (
        ({"inflow": 10_000, "outflow": 8_000, "aum": 1_999.99}, {"inflow": 9_999.99}, {"outflow": 7_999.99},
         {"aum": 2_000}),
    ),
    **{f"{product}_holder": (({f"{product}_now": 0.01}, {f"{product}_now": 0}),)
       for product in ("deposit", "wealth", "fund", "insurance", "metal")},
    "borrower": (({"loan_now": 0.01}, {"loan_now": 0}),),
    "card_user": (({"card_now": 0.01}, {"card_now": 0}),),
    "bare_account": (
        (opened(181, products_peak=1, demand_now=0.01), opened(180), {"products_peak": 2}, {"demand_now": 0}),
    ),
    "broadening": (({"products_now": 2, "products_quarter_ago": 1}, {"products_now": 1}, {"products_quarter_ago": 0}),),
    "narrowing": (({"products_now": 1, "products_quarter_ago": 2}, {"products_now": 2}),),
    "first_investment": tuple(
        (opened(91, **{f"{product}_now": 0.01}), opened(90), {f"{product}_now": 0}, {f"{product}_quarter_ago": 0.01})
        for product in ("wealth", "fund", "insurance", "metal")
    ),
    "never_invested": (
        ({"aum": 10_000}, {"aum": 9_999.99}, {"wealth_peak": 0.01}, {"fund_peak": 0.01}, {"insurance_peak": 0.01}),
    ),
    "wealth_lapsed": (({"wealth_peak": 1_000}, {"wealth_peak": 999.99}, {"wealth_now": 0.01}),),
    "fund_lapsed": (({"fund_peak": 1_000}, {"fund_peak": 999.99}, {"fund_now": 0.01}),),
    "deposit_run_off": (
        ({"deposit_quarter_ago": 5_000, "deposit_now": 2_499.99}, {"deposit_now": 2_500},
         {"deposit_quarter_ago": 4_999.99}),
    ),
    "deposit_to_wealth": (
        ({"deposit_quarter_ago": 1_500, "deposit_now": 500, "wealth_quarter_ago": 500, "wealth_now": 1_500},
         {"deposit_quarter_ago": 1_499.99}, {"deposit_now": 500.01}, {"wealth_quarter_ago": 500.01},
         {"wealth_now": 1_499.99}),
    ),
    "steady_wealth_holder": ((opened(366, wealth_low=1_000), opened(365), {"wealth_low": 999.99}),),
    "insurance_gap": (
        (woman("1996-06-30", has_home=True, has_car=False, aum=5_000), woman("1996-07-01"), {"has_home": False},
         {"aum": 4_999.99}, {"insurance_now": 0.01}),
        (woman("1975-07-01", has_home=False, has_car=True, aum=5_000), woman("1975-06-30"), {"has_car": False}),
    ),
    "loan_repaid": (({"loan_quarter_ago": 0.01}, {"loan_quarter_ago": 0}, {"loan_now": 0.01}),),
    "loan_paid_down": (
        ({"loan_peak": 100, "loan_now": 24.99}, {"loan_now": 25}),
        ({"loan_peak": 100, "loan_now": 0.01}, {"loan_now": 0}),
    ),
    "card_quiet": (({"card_peak": 0.01}, {"card_peak": 0}, {"card_now": 0.01}, {"card_buys": 1}),),
    "app_registered": ((registered(0), {"app_registered_on": None}),),
    "app_new": ((registered(90), registered(91), {"app_registered_on": None}),),
    "app_asleep": ((registered(91), registered(90), {"app_registered_on": None}, {"app_logins": 1}),),
    "app_monthly": each(["app_logins_month"]),
    "logins_falling": (({"login_quarter_2": 6, "login_quarter": 2}, {"login_quarter": 3}, {"login_quarter_2": 5}),),
    "logins_rising": (
        ({"login_quarter": 6, "login_quarter_2": 3}, {"login_quarter_2": 4},
         {"login_quarter": 5, "login_quarter_2": 2}),
    ),
    "mini_programme_user": each(["mini_programme_logins"]),
    "wechat_user": each(["wechat_logins"]),
    "web_user": each(["web_logins"]),
    "digital_without_app": (
        ({"web_logins": 1}, {"app_logins": 1}),
        *each(["mini_programme_logins", "web_logins", "wechat_logins"]),
    ),
    "digital_only": (
        ({"own_app": 2, "own_mini_programme": 2, "own_web": 2}, {"own_app": 1}, {"own_mini_programme": 1},
         {"own_web": 1}, {"own_counter": 1}, {"own_atm": 1}),
    ),
    "counter_dependent": (
        ({"own_counter": 3, "own_app": 1, "own_web": 1}, {"own_mini_programme": 1}, {"own_app": 2}, {"own_web": 2},
         {"own_counter": 2, "own_web": 0}),
    ),
    "counter_to_app": (
        (registered(0, counter_money_moves=2), {"counter_money_moves": 1}, {"app_registered_on": None}),
    ),
    "cash_machine_regular": (({"atm_withdrawals": 2}, {"atm_withdrawals": 1}),),
    "weekend_user": (
        ({"login_quarter": 4, "weekend_logins": 2}, {"weekend_logins": 1}, {"login_quarter": 3}),
    ),
    "reader": (({"page_seconds": 45}, {"page_seconds": 44.9}),),
}  # fmt: skip

VALUES = {
    "tenure_years": ((opened(day("2023-06-30")), 3), (opened(day("2023-07-01")), 2), (opened(day("2023-07-31")), 2),
                     (opened(day("2023-06-16"), **MID_JUNE), 2), (opened(day("2023-05-20"), **MID_JUNE), 3)),
    "tenure_stage": (
        (opened(90), "new"), (opened(91), "settling in"), (opened(365), "settling in"), (opened(366), "established"),
        (opened(1826), "established"), (opened(1827), "loyal"),
    ),
    "generation": (
        (born(day("1959-12-31")), "before 1960"), (born(day("1960-01-01")), "1960s and 1970s"),
        (born(day("1979-12-31")), "1960s and 1970s"), (born(day("1980-01-01")), "1980s"),
        (born(day("1989-12-31")), "1980s"), (born(day("1990-01-01")), "1990s"), (born(day("1999-12-31")), "1990s"),
        (born(day("2000-01-01")), "2000s"), ({"birth_date": None}, None),
    ),
    "age": ((born(day("1990-06-30")), 36), (born(day("1990-07-01")), 35), (born(day("1990-05-31")), 36),
            (born(day("1990-06-15"), **MID_JUNE), 36), (born(day("1990-06-16"), **MID_JUNE), 35),
            (born(day("1990-05-20"), **MID_JUNE), 36), (born(day("1990-07-10"), **MID_JUNE), 35)),
    "days_silent": (
        ({"last_own": noon("2026-06-20"), "last_login": noon("2026-06-25")}, 5),
        ({"last_own": noon("2026-06-25"), "last_login": noon("2026-06-20")}, 5),
        ({"last_own": noon("2026-06-20")}, 10), ({}, None),
        ({"last_own": noon("2026-06-20"), "login_quarter": None}, None),
        ({"last_login": noon("2026-06-20"), "own_quarter": None}, None),
    ),
    "active_quarters": (({}, 0), *(({name: 1}, 1) for name in QUARTERS), (dict.fromkeys(QUARTERS, 2), 4)),
    "wealth_tier": (
        ({"aum": 49_999.99}, "under 50,000"), ({"aum": 50_000}, "50,000 – 500,000"),
        ({"aum": 499_999.99}, "50,000 – 500,000"), ({"aum": 500_000}, "0.5 – 6 million"),
        ({"aum": 5_999_999.99}, "0.5 – 6 million"), ({"aum": 6_000_000}, "from 6 million"), ({"aum": None}, None),
    ),
    "aum_year_mean": (({"aum_mean": 12.5}, 12.5),),
    "aum_growth": (
        ({"aum": 1_500, "aum_year_ago": 1_000}, 0.5), ({"aum": 1_500, "aum_year_ago": 999.99}, None),
    ),
    "aum_change": (
        ({"aum": 500, "aum_quarter_ago": 1_500}, -1_000), ({"aum": 0.51, "aum_quarter_ago": 0.01}, 0.5),
        ({"aum": 500, "aum_quarter_ago": 0}, None),
    ),
    "invested_share": (
        ({"wealth_now": 10, "fund_now": 20, "insurance_now": 30, "metal_now": 40, "aum": 200}, 0.5), ({}, None),
    ),
    "net_inflow": (({"inflow": 100, "outflow": 30}, 70),),
    "yield_year": (
        (opened(366, earned=2, aum_mean=100), 0.02), (opened(365, earned=2, aum_mean=100), None),
        (opened(366, earned=2, aum_mean=0), None),
    ),
    "net_position": (({"aum": 100, "loan_now": 30, "card_now": 20}, 50),),
    "products_held": (({"products_now": 3}, 3),),
    "needs_met": (
        ({}, 0),
        *(({name: 1}, 1) for name in
          ("deposit_now", "wealth_now", "fund_now", "metal_now", "insurance_now", "loan_now", "card_now")),
        ({"deposit_now": 1, "fund_now": 1, "insurance_now": 1, "loan_now": 1}, 4),
    ),
    "main_asset": (
        ({}, None), ({"demand_now": 1, "deposit_now": 1}, "current account"), ({"demand_now": 1}, "current account"),
        *(({"demand_now": 1, name: 2}, value)
          for name, value in (("deposit_now", "time deposit"), ("wealth_now", "wealth product"), ("fund_now", "fund"),
                              ("insurance_now", "insurance"), ("metal_now", "metal"))),
    ),
    "login_rhythm": (
        *(({"login_quarter": n}, value)
          for n, value in ((0, "never"), (1, "now and then"), (2, "now and then"), (3, "monthly"), (11, "monthly"),
                           (12, "weekly"), (59, "weekly"), (60, "most days"), (None, None))),
    ),
    "platforms_used": (
        ({}, 0),
        *(({f"{platform}_logins": 1}, 1) for platform in ("app", "mini_programme", "web", "wechat")),
        ({"app_logins": 1, "mini_programme_logins": 1, "web_logins": 1, "wechat_logins": 1}, 4),
    ),
    "main_channel": (
        ({}, None), ({"own_counter": 1, "own_atm": 1}, "counter"),
        *(({**dict.fromkeys(OWN, 1), name: 2}, value)
          for name, value in zip(OWN, ("app", "mini programme", "web", "counter", "cash machine", "shop terminal",
                                       "third party"), strict=True)),
    ),
    "online_share": (
        ({}, None), ({"own_app": 1, "own_mini_programme": 1, "own_web": 1, "own_counter": 1}, 0.75),
        ({"own_app": 1, "own_atm": 3, "own_pos": 5}, 0.25),
    ),
    "online_hours": (({}, None), *(({f"{part}_acts": 1}, part) for part in PARTS)),
    "buys_where": (
        ({}, None), ({"bought_online": 1}, "on line"), ({"bought_counter": 1}, "counter"),
        ({"bought_online": 1, "bought_counter": 1}, "both"),
    ),
}  # fmt: skip

"""Rules by example: transactions, life scenarios, preferences, risk, contacts, location; see ``examples_standing``."""

from itertools import combinations

from examples_standing import born, day, each, noon, registered

from bankmkt.schema import CATEGORIES

EMPLOYED = ("public_sector", "state_enterprise", "private_company")
BILLS = ("utilities", "telecom", "housing", "education", "healthcare")
PAGES = ("home", "balance", "transfer", "bill", "wealth", "fund", "loan", "card", "deposit", "life", "points")
SOLD_ON = {"wealth": "wealth products", "fund": "funds", "deposit": "deposits", "loan": "loans", "card": "cards",
           "life": "insurance"}  # fmt: skip
DEPARTMENTS = ("wealth", "cards", "loans", "digital", "payroll", "deposits")
MONTHS = {"salaries_month_1": 1, "salaries_month_2": 1, "salaries_month_3": 1}


SIGNS = (
    ({"aum_quarter_ago": 10_000, "aum": 6_999.99}, {"aum": 7_000}, {"aum_quarter_ago": 9_999.99}),
    ({"products_quarter_ago": 1}, {"products_now": 1}),
    ({"login_quarter_2": 6, "login_quarter": 2}, {"login_quarter": 3}, {"login_quarter_2": 5}),
    ({"own_quarter_2": 6, "own_quarter": 2}, {"own_quarter": 3}, {"own_quarter_2": 5}),
    ({"salaries_quarter_2": 1}, {"salaries_two_months": 1}, {"salaries_quarter_2": 0}),
)
"""One of the warning signs each, and what puts it just outside."""


def least(name, number, step=1):
    """Return the case of a condition that holds from a number on."""
    return (({name: number}, {name: number - step}),)


def looks(views, number, held):
    return (({views: number}, {views: number - 1}, {held: 0.01}),)


CONDITIONS = {
    "spending_rising": (
        ({"spent": 300, "spent_quarter_2": 149.99}, {"spent_quarter_2": 150},
         {"spent": 299.99, "spent_quarter_2": 100}),
    ),
    "spending_falling": (
        ({"spent_quarter_2": 300, "spent": 149.99, "buys": 1}, {"spent": 150}, {"spent_quarter_2": 299.99},
         {"buys": 0}),
    ),
    "spending_stopped": (({"buys_quarter_2": 3}, {"buys_quarter_2": 2}, {"buys": 1}),),
    "big_ticket": least("largest_buy", 1_000, 0.01),
    "small_payer": (({"buys": 10, "small_buys": 6}, {"small_buys": 5}, {"buys": 9}),),
    "card_first": (({"spent": 100, "card_spent": 50}, {"card_spent": 49.99}, {"spent": 99.99}),),
    "card_newly_used": (({"card_buys": 1}, {"card_buys": 0}, {"card_buys_before": 1}),),
    "card_purchase_99": each(["card_99"]),
    "three_a_week": least("buys_month", 13),
    "weekend_shopper": (({"buys": 6, "weekend_buys": 3}, {"weekend_buys": 2}), ({"buys": 5, "weekend_buys": 3},
                        {"buys": 4})),
    "night_spender": (({"buys": 5, "night_buys": 1}, {"night_buys": 0}, {"buys": 4}, {"buys": 6}),),
    "lunch_crowd": least("lunches", 2),
    "wallet_payer": (({"buys": 10, "wallet_buys": 7}, {"wallet_buys": 6}), ({"buys": 5, "wallet_buys": 4},
                     {"buys": 4})),
    "terminal_payer": (({"buys": 5, "terminal_buys": 3}, {"terminal_buys": 2}, {"buys": 4}, {"buys": 6}),),
    "transfers_often": (({"transfers_in": 1, "transfers_out": 2}, {"transfers_in": 0}, {"transfers_out": 1}),),
    "net_sender": (
        ({"transferred_out": 10_001, "transferred_in": 1}, {"transferred_out": 10_000.99}, {"transferred_in": 1.01}),
    ),
    "car_owner": (({"has_car": True}, {"has_car": False}), ({"has_car": False, "fuel_quarter": 2},
                  {"fuel_quarter": 1})),
    "likely_car": (({"has_car": False, "fuel_buys": 2}, {"has_car": True}, {"fuel_buys": 1}),),
    "car_insurance_lead": (
        ({"has_car": True, "fuel_buys": 1}, {"has_car": False}, {"fuel_buys": 0}, {"insurance_now": 0.01}),
    ),
    "commuter": tuple(
        ({"transport_buys": 6, "occupation": work}, {"transport_buys": 5}, {"occupation": "self_employed"})
        for work in EMPLOYED
    ),
    "home_owner": (({"has_home": True}, {"has_home": False}),),
    "tenant": (({"has_home": False, "housing_bills": 1}, {"has_home": True}, {"housing_bills": 0}),),
    "property_fees": (({"has_home": True, "housing_bills": 1}, {"has_home": False}, {"housing_bills": 0}),),
    "moved_in": (
        ({"opened_on": day("2024-12-28"), "housing_bills": 2}, {"opened_on": day("2024-12-29")},
         {"housing_bills": 1}, {"housing_bills_before": 1}),
    ),
    "furnishing": least("housing_spent", 300, 0.01),
    "school_fees": each(["education_bills"]),
    "parent": (
        (born(day("1998-06-30"), education_year=2), born(day("1998-07-01")), {"education_year": 1}),
        (born(day("1975-07-01"), education_year=2), born(day("1975-06-30"))),
    ),
    "learner": (
        (born(day("2008-06-30"), education_year=1), born(day("2008-07-01")), {"education_year": 0}),
        (born(day("1998-07-01"), education_year=1), born(day("1998-06-30"))),
    ),
    "student": (({"occupation": "student"}, {"occupation": "retired"}),),
    "retired": (({"occupation": "retired"}, {"occupation": "student"}),),
    "farmer": (({"occupation": "farmer"}, {"occupation": "student"}),),
    "merchant": (
        ({"occupation": "self_employed", "transfers_in": 1, "transfers_out": 1}, {"transfers_in": 0},
         {"transfers_out": 0}, {"occupation": "other"}),
    ),
    "payroll": each(["salaries_two_months"]),
    "payroll_new": (({"salaries": 1}, {"salaries": 0}, {"salaries_before": 1}),),
    "payroll_lost": (({"salaries_quarter_2": 1}, {"salaries_quarter_2": 0}, {"salaries_two_months": 1}),),
    "payroll_unused": tuple(
        ({"occupation": work}, {"occupation": "retired"}, {"salaries": 1}, {"salaries_before": 1}) for work in EMPLOYED
    ),
    "high_earner": (
        ({"salaries": 3, "salary_sum": 45_000, **MONTHS}, {"salary_sum": 44_999.99}),
        ({"salaries": 1, "salary_sum": 15_000, "salaries_month_2": 1}, {"salary_sum": 14_999.99},
         {"salaries": 0, "salary_sum": 0, "salaries_month_2": 0}),
    ),
    "pay_moves_out": (
        ({"salary_sum": 1_000, "inflow": 1_500, "outflow": 1_300}, {"outflow": 1_299.99}, {"inflow": 1_500.01},
         {"salary_sum": 0, "inflow": 0}),
        ({"salary_sum": 0.01, "inflow": 0.01, "outflow": 0.01}, {"outflow": 0}),
    ),
    "pay_and_purchase": (({"salaries": 1, "purchase_quarter": 1}, {"salaries": 0}, {"purchase_quarter": 0}),),
    "payroll_no_card": (({"salaries_two_months": 1}, {"salaries_two_months": 0}, {"card_peak": 0.01}),),
    "traveller": least("travel_buys", 2),
    "hospital": least("health_quarter", 2),
    "utilities_payer": each(["utilities_bills"]),
    "telecom_payer": each(["telecom_bills"]),
    "healthcare_payer": each(["healthcare_bills"]),
    "standing_order_lead": (({"bills_by_hand": 2}, {"bills_by_hand": 1}, {"bills_auto": 1}),),
    "bills_at_counter": least("bills_counter", 2),
    "bills_gone": (({"bills_quarter_2": 2}, {"bills_quarter_2": 1}, {"bills": 1}),),
    "newly_borrowed": each(["loans_drawn"]),
    "wealth_fan": (
        ({"wealth_views": 6, "wealth_now": 0.01}, {"wealth_views": 5}, {"wealth_now": 0}),
        *least("wealth_bought", 2),
    ),
    "fund_fan": (({"fund_views": 4, "fund_now": 0.01}, {"fund_views": 3}, {"fund_now": 0}), *least("fund_bought", 2)),
    "fund_saver": (
        ({"fund_bought_q1": 1, "fund_bought_q2": 1}, {"fund_bought_q1": 0}, {"fund_bought_q2": 0}),
        ({"fund_bought_q3": 1, "fund_bought_q4": 1}, {"fund_bought_q3": 0}, {"fund_bought_q4": 0}),
    ),
    "deposit_saver": (
        ({"deposit_now": 5_000, "aum": 10_000}, {"aum": 10_000.02}, {"deposit_now": 4_999.99, "aum": 5_000}),
    ),
    "insurance_buyer": each(["insurance_bought"]),
    "gold_buyer": each(["metal_bought"]),
    "looks_at_wealth": looks("wealth_views", 3, "wealth_now"),
    "looks_at_funds": looks("fund_views", 2, "fund_now"),
    "looks_at_loans": looks("loan_views", 2, "loan_now"),
    "looks_at_cards": looks("card_views", 2, "card_peak"),
    "looks_at_insurance": looks("life_views", 2, "insurance_now"),
    "looks_at_deposits": looks("deposit_views", 2, "deposit_now"),
    "hesitates": (
        ({f"{page}_views": 1 for page in SOLD_ON}, {"purchase_quarter": 1},
         *({f"{page}_views": 0} for page in SOLD_ON)),
    ),
    "points_fan": least("points_views", 2),
    "balance_checker": least("balance_views", 12),
    "online_shopper": least("online_shopping_buys", 6),
    "foodie": least("dining_buys", 6),
    "supermarket_shopper": (
        ({"groceries_buys": 6, "dining_buys": 3}, {"dining_buys": 4}, {"groceries_buys": 5, "dining_buys": 2}),
    ),
    "fashion_fan": least("apparel_buys", 3),
    "gadget_fan": least("electronics_buys", 2),
    "goes_out": least("entertainment_buys", 3),
    "trades_often": (({"purchase_year": 2, "redeemed": 2}, {"purchase_year": 1}, {"redeemed": 1}),),
    "buy_and_hold": (
        ({"wealth_now": 2_500, "fund_now": 2_500, "insurance_now": 2_500, "metal_now": 2_500, "purchase_year": 1},
         {"purchase_year": 0}, {"redeemed": 1},
         *({f"{product}_now": 2_499.99} for product in ("wealth", "fund", "insurance", "metal"))),
    ),
    "large_ticket_investor": least("largest_purchase", 50_000, 0.01),
    "bold_investor": (
        ({"risk_level": 4, "fund_now": 150, "metal_now": 150, "aum": 1_000}, {"risk_level": 3}, {"fund_now": 149.99},
         {"metal_now": 149.99}, {"aum": 999.99}),
    ),
    "cautious_saver": (
        ({"risk_level": 2, "demand_now": 4_000, "deposit_now": 4_000, "aum": 10_000}, {"risk_level": 3},
         {"demand_now": 3_999.99}, {"deposit_now": 3_999.99}, {"aum": 9_999.99}),
    ),
    "unsuitable_holdings": (
        ({"risk_level": 2, "fund_now": 150, "metal_now": 450, "aum": 2_000}, {"risk_level": 3}, {"fund_now": 149.99},
         {"metal_now": 449.99}),
        ({"risk_level": 1, "fund_now": 250, "metal_now": 250, "aum": 1_000}, {"fund_now": 249.99}),
    ),
    "too_cautious": (
        ({"risk_level": 4, "aum": 10_000}, {"risk_level": 3}, {"aum": 9_999.99}, {"fund_now": 0.01},
         {"metal_now": 0.01}),
    ),
    "leveraged": (
        ({"loan_now": 2_500, "card_now": 2_500, "aum": 4_999.99}, {"aum": 5_000}),
        ({"loan_now": 2_500, "card_now": 2_500}, {"loan_now": 2_499.99}, {"card_now": 2_499.99}),
    ),
    "revolver": (
        ({"card_now": 200, "card_spent_two_months": 199.99}, {"card_spent_two_months": 200},
         {"card_now": 199.99, "card_spent_two_months": 0}),
    ),
    "card_debt_rising": (
        ({"card_now": 600, "card_quarter_ago": 399.99}, {"card_quarter_ago": 400}),
        ({"card_now": 500}, {"card_now": 499.99}),
    ),
    "repayment_tight": (
        ({"loan_now": 0.01, "demand_now": 99.99, "loan_paid": 300}, {"loan_now": 0}, {"demand_now": 100}),
    ),
    "fund_loss": (({"fund_now": 0.01, "fund_returns": -100}, {"fund_now": 0}, {"fund_returns": -99.99}),),
    "large_cash_moves": least("largest_cash", 20_000, 0.01),
    "night_sender": each(["night_transfers"]),
    "pay_cut": (({"salary_sum": 949.99, "salary_year_ago": 1_000}, {"salary_sum": 950}),
                ({"salary_sum": 0.01, "salary_year_ago": 1_000}, {"salary_sum": 0})),
    "gave_up_insurance": each(["surrenders"]),
    "valuable_at_risk": (
        *((sign | {"aum_peak": 200_000}, *misses) for sign, *misses in SIGNS),
        ({"aum_peak": 200_000, "products_quarter_ago": 1}, {"aum_peak": 199_999.99}, {"products_quarter_ago": 0}),
    ),
    "over_contacted": least("contacts_quarter", 4),
    "fatigued": (({"contacts_half": 4}, {"contacts_half": 3}, {"answers_half": 1}),),
    "several_departments": tuple(
        ({f"{one}_contacts": 1, f"{other}_contacts": 1}, {f"{one}_contacts": 0}, {f"{other}_contacts": 0})
        for one, other in zip(DEPARTMENTS[::2], DEPARTMENTS[1::2], strict=True)
    ),
    "forgotten": (({"aum": 50_000}, {"aum": 49_999.99}, {"contacts_year": 1}),),
    "opted_out": each(["opt_outs"]),
    "unreachable": (({"failures_year": 2}, {"failures_year": 1}, {"answers_year": 1}),),
    "answers_calls": each(["call_answers"]),
    "answers_manager": each(["rm_answers"]),
    "opens_wechat": each(["wechat_answers"]),
    "opens_push": each(["app_push_answers"]),
    "text_only": (
        ({"sms_tries": 2, "contacts_year": 2}, {"contacts_year": 3}, {"sms_tries": 1, "contacts_year": 1}),
    ),
    "looks_only": (({"campaign_views": 2}, {"campaign_views": 1}, {"campaign_clicks": 1}),),
    "clicked_not_joined": (({"campaign_clicks": 1}, {"campaign_clicks": 0}, {"campaign_joins": 1}),),
    "campaign_fan": each(["campaign_joins_year"]),
    "repeat_joiner": least("joined_ever", 2),
    "declined_all": (({"invited": 1}, {"invited": 0}, {"joined": 1}),),
    "held_out_now": each(["held_out"]),
    "campaign_buyer": each(["campaign_conversions"]),
    "sharer": each(["shares"]),
    "buys_unprompted": (({"purchase_quarter": 1}, {"purchase_quarter": 0}, {"contacts_quarter": 1}),),
    "buys_after_contact": (
        ({"purchase_year": 1, "contacts_year": 1, "last_purchase": noon("2026-05-31"),
          "last_contact": noon("2026-05-01")}, {"last_contact": noon("2026-04-30")},
         {"last_contact": noon("2026-06-01")}, {"purchase_year": 0}, {"contacts_year": 0}),
        ({"purchase_year": 1, "contacts_year": 1, "last_purchase": noon("2026-05-01"),
          "last_contact": noon("2026-05-01")}, {"last_purchase": noon("2026-04-30")}),
    ),
    "small_city_digital": (
        ({"city_tier": "tier_3", "app_logins_month": 1}, {"city_tier": "tier_2"}, {"app_logins_month": 0}),
        ({"city_tier": "tier_4", "app_logins_month": 1}, {"city_tier": "tier_1"}),
    ),
    "small_city_saver": (
        ({"city_tier": "tier_3", "deposit_now": 5_000}, {"city_tier": "tier_2"}, {"deposit_now": 4_999.99}),
        ({"city_tier": "tier_4", "deposit_now": 5_000}, {"city_tier": "new_tier_1"}),
    ),
    "big_city_wage": (
        ({"city_tier": "tier_1", "salaries_two_months": 1}, {"city_tier": "new_tier_1"}, {"salaries_two_months": 0}),
    ),
    "managed": (({"manager_id": 7}, {"manager_id": None}),),
    "manager_missing": (({"aum": 300_000}, {"aum": 299_999.99}, {"manager_id": 7}),),
    "manager_time_to_free": (({"manager_id": 7, "aum": 299_999.99}, {"manager_id": None}, {"aum": 300_000}),),
    "manager_silent": (({"manager_id": 7}, {"manager_id": None}, {"manager_contacts": 1}),),
    "branch_regular": least("own_counter", 6),
    "branch_left": (({"counter_half_2": 3}, {"counter_half_2": 2}, {"own_counter": 1}),),
    "counter_cash_only": (
        ({"own_counter": 2, "counter_cash": 2}, {"own_counter": 3}, {"own_counter": 1, "counter_cash": 1}),
    ),
    "activate_at_counter": (
        (registered(1, counter_month=1), {"counter_month": 0}, {"app_logins": 1}),
        ({"counter_month": 1, "app_logins": 1}, registered(1)),
    ),
    "greet_at_counter": (({"counter_month": 1, "aum": 50_000}, {"counter_month": 0}, {"aum": 49_999.99}),),
    "branch_investor": (
        ({"bought_counter": 1, "wealth_now": 5_000, "fund_now": 5_000}, {"bought_counter": 0},
         {"wealth_now": 4_999.99}, {"fund_now": 4_999.99}),
    ),
    "came_for_advice": each(["wealth_visits"]),
    "coupon_open": (({"coupons_claimed": 2, "coupons_closed": 1}, {"coupons_closed": 2}),),
    "complained": each(["complaints"]),
    "detractor": (({"worst_nps": 6}, {"worst_nps": 7}),),
}  # fmt: skip

ANSWERS = {"rm": "relationship manager", "call": "call", "wechat": "WeChat", "app_push": "app push"}
VALUES = {
    "spending": (({"spent": 5}, 5),),
    "mean_purchase": (({"spent": 10, "buys": 4}, 2.5), ({}, None)),
    "days_since_purchase": (({"last_buy": noon("2026-06-20")}, 10), ({}, None)),
    "spending_year_on_year": (({"spent": 150, "spent_year_ago": 100}, 0.5), ({"spent": 150}, None)),
    "favourite_category": (
        ({}, None), ({"dining_buys": 1, "fuel_buys": 1}, "dining"),
        *(({**{f"{other}_buys": 1 for other in CATEGORIES}, f"{category}_buys": 2}, category)
          for category in CATEGORIES),
    ),
    "categories_used": (
        ({}, 0), *(({f"{category}_buys": 1}, 1) for category in CATEGORIES),
        ({f"{category}_buys": 2 for category in CATEGORIES}, 15),
    ),
    "cash_share": (
        ({"cash_paid_in": 1, "cash_taken": 2, "transferred_in": 3, "transferred_out": 4}, 0.3), ({}, None),
    ),
    "monthly_salary": (
        ({"salary_sum": 30_000, **MONTHS}, 10_000), ({"salary_sum": 30_000, "salaries_month_1": 2}, 30_000),
        ({"salary_sum": 30_000, "salaries_month_2": 1, "salaries_month_3": 1}, 15_000), ({}, None),
    ),
    "salary_growth": (({"salary_sum": 150, "salary_year_ago": 100}, 0.5), ({"salary_sum": 110}, None)),
    "bonus": (({"salary_max": 30, "salary_median": 10}, 20),),
    "travel_spending": (({"travel_spent": 5}, 5),),
    "bill_kinds": (
        ({}, 0), *(({f"{bill}_bills": 1}, 1) for bill in BILLS), ({f"{bill}_bills": 2 for bill in BILLS}, 5),
    ),
    "main_interest": (
        ({}, None), ({"loan_views": 1, "card_views": 1}, "loans"),
        *(({**{f"{other}_views": 1 for other in SOLD_ON}, f"{page}_views": 2}, value)
          for page, value in SOLD_ON.items()),
    ),
    "pages_used": (
        ({}, 0), *(({f"{page}_views": 1}, 1) for page in PAGES), ({f"{page}_views": 2 for page in PAGES}, 11),
    ),
    "goods_or_leisure": (
        ({}, None),
        *(({f"{category}_buys": 3, "fuel_buys": 9, "groceries_buys": 1}, 0.75)
          for category in ("dining", "travel", "entertainment")),
        *(({"dining_buys": 1, f"{category}_buys": 3}, 0.25) for category in ("groceries", "transport", "healthcare")),
    ),
    "risk_appetite": tuple(
        ({"risk_level": level}, value)
        for level, value in ((1, "cautious"), (2, "cautious"), (3, "balanced"), (4, "bold"), (5, "bold"), (None, None))
    ),
    "debt_ratio": (({"loan_now": 30, "card_now": 20, "aum": 100}, 0.5), ({"loan_now": 30}, None)),
    "interest_paid_year": (({"interest_paid": 5}, 5),),
    "warning_signs": (
        ({}, 0), *((sign, 1) for sign, *_misses in SIGNS),
        *((sign | miss, 0) for sign, *misses in SIGNS for miss in misses),
        ({name: n for sign, *_misses in SIGNS for name, n in sign.items()}, 5), ({"products_now": 1}, 0),
    ),
    "contacts_in_quarter": (({"contacts_quarter": 3}, 3),),
    "contact_pressure": (({"contacts_month": 1, "contacts_month_2": 2, "contacts_month_3": 4}, 3),),
    "best_channel": (
        ({"rm_tries": 3}, None),
        *(({**{f"{other}_{what}": 1 for other in ANSWERS for what in ("tries", "answers")},
            **{f"{other}_tries": 2 for other in ANSWERS if other != channel}}, value)
          for channel, value in ANSWERS.items()),
        *(({f"{channel}_{what}": 1 for channel in pair for what in ("tries", "answers")}, ANSWERS[pair[0]])
          for pair in combinations(ANSWERS, 2)),
    ),
    "response_rate": (({"answers_year": 1, "contacts_year": 6, "sms_tries": 2}, 0.25), ({"contacts_year": 2,
                      "sms_tries": 2}, None)),
    "days_since_contact": (({"last_contact": noon("2026-06-20")}, 10), ({}, None)),
    "home_city_tier": (({"city_tier": "new_tier_1"}, "new_tier_1"),),
    "branch_city": (({"unit_city": "Chengdu"}, "Chengdu"),),
    "acquired_by": (({"acquired_via": "referral"}, "referral"),),
    "branch_time": (
        ({}, None), ({"counter_morning": 1}, "morning"), ({"counter_afternoon": 1}, "afternoon"),
        ({"counter_morning": 1, "counter_afternoon": 2}, "afternoon"),
    ),
    "visits_quarter": (({"visits": 3}, 3),),
    "points_balance": (({"points_earned": 10, "points_gone": 4}, 6),),
}  # fmt: skip

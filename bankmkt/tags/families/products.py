"""Products: what customers hold, took up, gave up or lack."""

from ibis import _

from bankmkt.tags.declare import Feature, Tag
from bankmkt.tags.rules import count_true, days_since, largest, years_since

FAMILY = "products"

SHORT = {"demand": "demand", "time_deposit": "deposit", "wealth": "wealth", "fund": "fund", "insurance": "insurance",
          "metal": "metal", "loan": "loan", "card_balance": "card"}  # fmt: skip
"""What features call each product: ``"deposit_now"``."""


def _named(column: str) -> str:
    """Return a balance in words: ``"time deposits"``."""
    words = {"demand": "current account", "time_deposit": "time deposits", "wealth": "wealth products", "fund": "funds"}
    return words.get(column, column.replace("_", " "))


_BOUGHT = (_.kind == "purchase") & (_.product != "demand")

FEATURES = (
    *(Feature(f"{short}_now", "balances", _[column].sum(), 1, f"{_named(column)} at the last month end", "yuan")
      for column, short in SHORT.items()),
    *(Feature(f"{SHORT[column]}_quarter_ago", "balances", _[column].sum(), 1,
              f"{_named(column)} three month ends earlier", "yuan", before=3)
      for column in ("time_deposit", "wealth", "fund", "insurance", "metal", "loan", "card_balance")),
    *(Feature(f"{SHORT[column]}_peak", "balances", _[column].max(), 12,
              f"highest {_named(column)} of the last twelve month ends", "yuan")
      for column in ("wealth", "fund", "insurance", "loan", "card_balance")),
    Feature("wealth_low", "balances", _.wealth.min(), 12, "lowest wealth of the last twelve month ends", "yuan"),
    Feature("products_now", "balances", _.products.sum(), 1, "products held at the last month end"),
    Feature("products_quarter_ago",
            "balances", _.products.sum(), 1, "products held three month ends earlier", before=3),
    Feature("products_peak", "balances", _.products.max(), 12, "most products held at the last twelve month ends"),
    Feature("purchase_quarter", "transactions", _.count(where=_BOUGHT), 3, "purchases of products in three months"),
    Feature("purchase_year", "transactions", _.count(where=_BOUGHT), 12, "purchases of products in twelve months"),
    Feature("last_purchase", "transactions", _.ts.max(where=_BOUGHT), 12, "last purchase of a product within a year",
            empty=None),
)  # fmt: skip

_INVESTED = _.wealth_now + _.fund_now + _.insurance_now + _.metal_now
_INVESTED_QUARTER_AGO = _.wealth_quarter_ago + _.fund_quarter_ago + _.insurance_quarter_ago + _.metal_quarter_ago

TAGS = (
    Tag("products_held", "Products held", "持有产品数", FAMILY, _.products_now,
        "balances of the eight that are not zero at the last month end"),
    Tag("deposit_holder", "Time deposit holder", "定期存款客户", FAMILY, _.deposit_now > 0,
        "holds a time deposit at the last month end"),
    Tag("wealth_holder", "Wealth-product holder", "理财持有客户", FAMILY, _.wealth_now > 0,
        "holds wealth-management products at the last month end"),
    Tag("fund_holder", "Fund holder", "基金持有客户", FAMILY,
        _.fund_now > 0, "holds mutual funds at the last month end"),
    Tag("insurance_holder", "Insurance holder", "保险持有客户", FAMILY, _.insurance_now > 0,
        "holds savings insurance at the last month end"),
    Tag("metal_holder", "Precious-metal holder", "贵金属持有客户", FAMILY, _.metal_now > 0,
        "holds precious metal at the last month end"),
    Tag("borrower", "Borrower", "贷款客户", FAMILY, _.loan_now > 0, "owes loan principal at the last month end"),
    Tag("card_user", "Credit-card user", "信用卡用卡客户", FAMILY, _.card_now > 0,
        "owes a credit-card balance at the last month end"),
    Tag("bare_account", "Bare account", "仅活期客户", FAMILY,
        (_.products_peak <= 1) & (_.demand_now > 0) & (days_since(_.opened_on) > 180),
        "customer for more than 180 days, at most 1 product at each of the last 12 month ends, with money on the "
        "current account"),
    Tag("needs_met", "Needs met", "需求覆盖数", FAMILY,
        count_true(_.deposit_now > 0, _INVESTED - _.insurance_now > 0, _.insurance_now > 0,
                   _.loan_now + _.card_now > 0),
        "of four needs, those met at the last month end: to save (time deposit), to invest (wealth "
        "product, fund, metal), to insure, to borrow (loan, card)"),
    Tag("broadening", "Broadening", "产品增加", FAMILY,
        (_.products_now > _.products_quarter_ago) & (_.products_quarter_ago > 0),
        "more products than three month ends ago, when there was at least one"),
    Tag("narrowing", "Narrowing", "产品减少", FAMILY, _.products_now < _.products_quarter_ago,
        "fewer products than three month ends ago"),
    Tag("main_asset", "Main asset", "主要资产类别", FAMILY,
        largest({"current account": _.demand_now, "time deposit": _.deposit_now, "wealth product": _.wealth_now,
                 "fund": _.fund_now, "insurance": _.insurance_now, "metal": _.metal_now}),
        "the asset with the largest balance at the last month end; null if there is none"),
    Tag("first_investment", "Began to invest", "新开始投资", FAMILY,
        (_INVESTED > 0) & (_INVESTED_QUARTER_AGO == 0) & (days_since(_.opened_on) > 90),
        "holds a wealth product, fund, insurance or metal now, none three month ends ago; customer for more than 90 "
        "days"),
    Tag("never_invested", "Has money, never invested", "有资产未投资", FAMILY,
        (_.aum >= 10_000) & (_.wealth_peak + _.fund_peak + _.insurance_peak == 0),
        "AUM of 10,000 yuan or more, no wealth product, fund or insurance at any of the last 12 month ends"),
    Tag("wealth_lapsed", "Left wealth products", "理财流失客户", FAMILY, (_.wealth_now == 0) & (_.wealth_peak >= 1_000),
        "no wealth product now, 1,000 yuan or more at one of the last 12 month ends"),
    Tag("fund_lapsed", "Left funds", "基金流失客户", FAMILY, (_.fund_now == 0) & (_.fund_peak >= 1_000),
        "no fund now, 1,000 yuan or more at one of the last 12 month ends"),
    Tag("deposit_run_off", "Deposit not renewed", "定期到期未续", FAMILY,
        (_.deposit_quarter_ago >= 5_000) & (_.deposit_now < 0.5 * _.deposit_quarter_ago),
        "time deposits below half of those three month ends ago, which were 5,000 yuan or more"),
    Tag("deposit_to_wealth", "From deposits to wealth products", "存款转理财", FAMILY,
        (_.deposit_quarter_ago - _.deposit_now >= 1_000) & (_.wealth_now - _.wealth_quarter_ago >= 1_000),
        "within three month ends time deposits fell and wealth products rose, each by 1,000 yuan or more"),
    Tag("steady_wealth_holder", "Steady wealth-product holder", "理财长期持有", FAMILY,
        (_.wealth_low >= 1_000) & (days_since(_.opened_on) > 365),
        "wealth products of 1,000 yuan or more at every one of the last 12 month ends; customer for more than 365 "
        "days"),
    Tag("insurance_gap", "Insurance gap", "保障缺口", FAMILY,
        years_since(_.birth_date).between(30, 50) & (_.has_home | _.has_car) & (_.insurance_now == 0)
        & (_.aum >= 5_000),
        "aged 30 to 50, owns a home or a car, AUM of 5,000 yuan or more, no insurance"),
    Tag("loan_repaid", "Loan just repaid", "贷款新结清", FAMILY, (_.loan_now == 0) & (_.loan_quarter_ago > 0),
        "a loan three month ends ago, none now: may borrow again"),
    Tag("loan_paid_down", "Loan paid down fast", "贷款快速还款", FAMILY,
        (_.loan_now > 0) & (_.loan_now < 0.25 * _.loan_peak),
        "still owes a loan, but less than a quarter of the highest of the last 12 month ends"),
    Tag("card_quiet", "Card gone quiet", "信用卡沉默", FAMILY,
        (_.card_now == 0) & (_.card_peak > 0) & (_.card_buys == 0),
        "no credit-card balance now, one at some of the last 12 month ends; no purchase by card within three months"),
)  # fmt: skip

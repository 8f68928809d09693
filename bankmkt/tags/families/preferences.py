"""Preferences: which products customers look at and buy, and what they like to spend on."""

from ibis import _

from bankmkt.tags.declare import Feature, Tag
from bankmkt.tags.rules import count_true, largest, ratio

FAMILY = "preferences"

_PAGES = ("home", "balance", "transfer", "bill", "wealth", "fund", "loan", "card", "deposit", "life", "points")
_VIEW = _.event == "page_view"


def _bought(product: str, months: int, name: str, before: int = 0) -> Feature:
    return Feature(name, "transactions", _.count(where=(_.kind == "purchase") & (_.product == product)), months,
                   f"purchases of {product}, {months} months" + (f", {before} months before" if before else ""),
                   before=before)  # fmt: skip


FEATURES = (
    *(Feature(f"{page}_views", "events", _.count(where=_VIEW & (_.page == page)), 3,
              f"views of the page {page} in three months")
      for page in _PAGES),
    *(_bought(product, 12, f"{product}_bought")
      for product in ("wealth", "fund", "insurance", "metal")),
    _bought("fund", 3, "fund_bought_q1"),
    _bought("fund", 3, "fund_bought_q2", 3),
    _bought("fund", 3, "fund_bought_q3", 6),
    _bought("fund", 3, "fund_bought_q4", 9),
    Feature("redeemed", "transactions", _.count(where=(_.kind == "redemption") & (_.product != "demand")), 12,
            "redemptions of products in twelve months"),
    Feature("largest_purchase",
            "transactions", _.amount.max(where=(_.kind == "purchase") & (_.product != "demand")), 12,
            "largest purchase of a product in twelve months", "yuan"),
)  # fmt: skip

_INVESTED = _.wealth_now + _.fund_now + _.insurance_now + _.metal_now
_SOLD_ON = {"wealth products": _.wealth_views, "funds": _.fund_views, "deposits": _.deposit_views,
            "loans": _.loan_views, "cards": _.card_views, "insurance": _.life_views}  # fmt: skip
_OFFER_VIEWS = _.wealth_views + _.fund_views + _.deposit_views + _.loan_views + _.card_views + _.life_views

TAGS = (
    Tag("wealth_fan", "Wealth-management fan", "理财达人", FAMILY,
        ((_.wealth_views >= 6) & (_.wealth_now > 0)) | (_.wealth_bought >= 2),
        "6 views or more of the wealth page in three months while holding some, or 2 purchases or more in 12 "
        "months"),
    Tag("fund_fan", "Fund fan", "基金达人", FAMILY, ((_.fund_views >= 4) & (_.fund_now > 0)) | (_.fund_bought >= 2),
        "4 views or more of the fund page in three months while holding some, or 2 purchases or more in 12 "
        "months"),
    Tag("fund_saver", "Regular fund saver", "基金定投型", FAMILY,
        count_true(_.fund_bought_q1 > 0, _.fund_bought_q2 > 0, _.fund_bought_q3 > 0, _.fund_bought_q4 > 0) >= 2,
        "bought funds in 2 or more of the last four quarters of three months"),
    Tag("deposit_saver", "Deposit saver", "存款偏好", FAMILY, (_.deposit_now >= 0.5 * _.aum) & (_.deposit_now >= 5_000),
        "time deposits of 5,000 yuan or more, half of AUM or more"),
    Tag("insurance_buyer", "Insurance buyer", "保险购买客户", FAMILY, _.insurance_bought > 0,
        "bought savings insurance within 12 months"),
    Tag("gold_buyer", "Gold buyer", "贵金属购买客户", FAMILY, _.metal_bought > 0,
        "bought precious metal within 12 months"),
    Tag("looks_at_wealth", "Looks at wealth products", "理财意向", FAMILY, (_.wealth_views >= 3) & (_.wealth_now == 0),
        "3 views or more of the wealth page in three months, holds none"),
    Tag("looks_at_funds", "Looks at funds", "基金意向", FAMILY, (_.fund_views >= 2) & (_.fund_now == 0),
        "2 views or more of the fund page in three months, holds none"),
    Tag("looks_at_loans", "Looks at loans", "贷款意向", FAMILY, (_.loan_views >= 2) & (_.loan_now == 0),
        "2 views or more of the loan page in three months, owes none"),
    Tag("looks_at_cards", "Looks at cards", "信用卡意向", FAMILY, (_.card_views >= 2) & (_.card_peak == 0),
        "2 views or more of the card page in three months, no card balance at any of the last 12 month ends"),
    Tag("looks_at_insurance", "Looks at insurance", "保险意向", FAMILY, (_.life_views >= 2) & (_.insurance_now == 0),
        "2 views or more of the life page, where insurance is sold, in three months, holds none"),
    Tag("looks_at_deposits", "Looks at deposits", "存款意向", FAMILY, (_.deposit_views >= 2) & (_.deposit_now == 0),
        "2 views or more of the deposit page in three months, holds none"),
    Tag("main_interest", "Main interest", "主要浏览兴趣", FAMILY, largest(_SOLD_ON),
        "of the pages for wealth products, funds, deposits, loans, cards and insurance, the one most viewed in three "
        "months; null if none was"),
    Tag("hesitates", "Looks, does not buy", "浏览未购", FAMILY, (_OFFER_VIEWS >= 6) & (_.purchase_quarter == 0),
        "6 views or more of pages that sell products in three months, bought none"),
    Tag("points_fan", "Points fan", "积分达人", FAMILY, _.points_views >= 2,
        "2 views or more of the points page in three months"),
    Tag("balance_checker", "Checks the balance", "余额关注型", FAMILY, _.balance_views >= 12,
        "12 views or more of the balance page in three months"),
    Tag("pages_used", "Breadth of pages", "功能使用广度", FAMILY,
        count_true(*(_[f"{page}_views"] > 0 for page in _PAGES)),
        "of 11 pages, those seen in three months"),
    Tag("online_shopper", "Online shopper", "网购达人", FAMILY, _.online_shopping_buys >= 6,
        "6 online purchases or more in six months"),
    Tag("foodie", "Foodie", "美食达人", FAMILY, _.dining_buys >= 6, "6 payments or more for dining in six months"),
    Tag("supermarket_shopper", "Supermarket shopper", "商超客群", FAMILY,
        (_.groceries_buys >= 6) & (_.groceries_buys >= 2 * _.dining_buys),
        "6 purchases of groceries or more in six months, at least 2 times as many as meals out"),
    Tag("fashion_fan", "Fashion fan", "时尚服饰客群", FAMILY,
        _.apparel_buys >= 3, "3 purchases of apparel or more in six months"),
    Tag("gadget_fan", "Gadget fan", "数码客群", FAMILY, _.electronics_buys >= 2,
        "2 purchases of electronics or more in six months"),
    Tag("goes_out", "Film and play", "文娱客群", FAMILY, _.entertainment_buys >= 3,
        "3 payments or more for entertainment in six months"),
    Tag("goods_or_leisure", "Leisure share", "享乐型消费占比", FAMILY,
        ratio(_.dining_buys + _.travel_buys + _.entertainment_buys,
              _.dining_buys + _.travel_buys + _.entertainment_buys + _.groceries_buys + _.transport_buys
              + _.healthcare_buys),
        "purchases for dining, travel and entertainment ÷ these and groceries, transport and health, in six months; "
        "null if there were none"),
    Tag("trades_often", "Trades often", "频繁交易型", FAMILY, _.purchase_year + _.redeemed >= 4,
        "4 purchases and redemptions of products or more within 12 months"),
    Tag("buy_and_hold", "Buys and holds", "长期持有型", FAMILY,
        (_INVESTED >= 10_000) & (_.redeemed == 0) & (_.purchase_year > 0),
        "10,000 yuan or more invested, bought within 12 months, redeemed nothing"),
    Tag("large_ticket_investor", "Invests large sums", "大额投资者", FAMILY, _.largest_purchase >= 50_000,
        "a purchase of a product of 50,000 yuan or more within 12 months"),
    Tag("bold_investor", "Bold investor", "进取型投资者", FAMILY,
        (_.risk_level >= 4) & (_.fund_now + _.metal_now >= 0.3 * _.aum) & (_.aum >= 1_000),
        "risk tolerance 4 or 5, funds and metal 30% of AUM or more, AUM of 1,000 yuan or more"),
    Tag("cautious_saver", "Cautious saver", "稳健储蓄者", FAMILY,
        (_.risk_level <= 2) & (_.demand_now + _.deposit_now >= 0.8 * _.aum) & (_.aum >= 10_000),
        "risk tolerance 1 or 2, current account and time deposits 80% of AUM or more, AUM of 10,000 "
        "yuan or more"),
)  # fmt: skip

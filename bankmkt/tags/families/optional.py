"""A few tags on tables that many banks lack: branch visits, coupons, points and surveys."""

from ibis import _

from bankmkt.tags.declare import Feature, Tag

FEATURES = (
    Feature("visits", "visits", _.count(), 3, "recognised branch visits in three months"),
    Feature("wealth_visits", "visits", _.count(where=_.purpose.isin(("wealth", "loan"))), 3,
            "branch visits about wealth products or loans in three months"),
    Feature("coupons_claimed", "benefits", _.count(where=_.action == "claimed"), None, "coupons ever claimed"),
    Feature("coupons_closed", "benefits", _.count(where=_.action.isin(("redeemed", "expired", "reversed"))),
            None, "coupons ever redeemed, expired or reversed"),
    Feature("points_earned", "points", _.points.sum(where=_.action == "earn"), None, "points ever earned"),
    Feature("points_gone",
            "points", _.points.sum(where=_.action != "earn"), None, "points ever spent, expired or reversed"),
    Feature("complaints", "surveys", _.complaint.count(), 6, "complaints in six months"),
    Feature("worst_nps", "surveys", _.nps.min(), 12, "lowest recommendation score of twelve months", empty=None),
)  # fmt: skip

TAGS = (
    Tag("visits_quarter", "Visits to a branch", "季度到店次数", "location and branch", _.visits,
        "visits to a branch, recognised, of the last three months"),
    Tag("came_for_advice", "Came for advice", "到店咨询", "location and branch", _.wealth_visits > 0,
        "came to a branch about wealth products or loans within three months"),
    Tag("coupon_open", "Coupon not used yet", "待使用权益", "preferences", _.coupons_claimed > _.coupons_closed,
        "has claimed more coupons than were redeemed, expired or reversed, ever"),
    Tag("points_balance", "Points", "积分余额", "preferences", _.points_earned - _.points_gone,
        "points earned minus points spent, expired or reversed"),
    Tag("complained", "Complained", "投诉客户", "risk", _.complaints > 0,
        "complained within six months"),
    Tag("detractor", "Would not recommend", "贬损者", "risk", _.worst_nps <= 6,
        "answered 6 or less to the question of recommending the bank, within 12 months; null if never asked"),
)  # fmt: skip

"""The panel's columns in words, for tables that people read."""

_WORDS = {
    "aum": "AUM", "products": "products held", "logins": "logins",
    "transactions_3": "transactions a month, last quarter",
    "salary_3": "pay a month, last quarter", "spend_3": "spending a month, last quarter",
    "inflow_3": "money in a month, last quarter", "outflow_3": "money out a month, last quarter",
    "contacts_90": "contacts in the last 90 days", "tenure_months": "months as a customer",
    "app_months": "months with the app", "age": "age", "risk_level": "risk level",
    "is_payroll": "paid through this bank",
    "has_car": "owns a car", "has_home": "owns a home", "has_manager": "has a manager", "gender": "gender",
    "occupation": "occupation", "city_tier": "city", "acquired_via": "came through",
}  # fmt: skip


def in_words(column: str) -> str:
    """Say what a column of the panel, or of :func:`bankmkt.experiment.overlap`, is.

    Examples
    --------
    >>> in_words("aum_0"), in_words("logins_2"), in_words("products_mean_12")
    ('AUM at the baseline', 'logins 2 months ago', 'products held, mean of 12 months')
    >>> in_words("occupation=public_sector"), in_words("logins_before")
    ('occupation: public sector', 'logins a month, last quarter')
    >>> in_words("aum_year_ago"), in_words("products_end"), in_words("aum_change"), in_words("conversion")
    ('AUM a year before the end', 'products held at the end', 'AUM change', 'conversion')
    """
    name, _, value = column.partition("=")
    if value:
        return f"{in_words(name)}: {value.replace('_', ' ')}"
    if name in _WORDS:
        return _WORDS[name]
    indicator, _, when = name.partition("_")
    what = _WORDS.get(indicator, indicator)
    if when.startswith("mean_"):
        return f"{what}, mean of {when.removeprefix('mean_')} months"
    if when == "before":
        return f"{what} a month, last quarter"
    if when == "0" or (indicator == "logins" and when == "1"):
        return f"{what} at the baseline" if when == "0" else f"{what}, last month"
    if when.isdigit():
        return f"{what} {when} months ago"
    special = {"year_ago": "a year before the end", "end": "at the end"}
    return f"{what} {special.get(when, when.replace('_', ' '))}".strip()

"""A portrait as a small page of HTML, with a chart drawn in it; all that comes from data is escaped."""

from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import TYPE_CHECKING, Any

from bankmkt.names import WORDS

if TYPE_CHECKING:
    import pandas as pd

    from bankmkt.tags.portrait import Portrait

COLOURS = {
    "demand": "#56B4E9", "time_deposit": "#0072B2", "wealth": "#009E73", "fund": "#E69F00", "insurance": "#CC79A7",
    "metal": "#F0E442", "loan": "#D55E00", "card_balance": "#8C8C8C",
}  # fmt: skip
"""Okabe and Ito's colours, told apart by all readers; debts in vermilion and grey."""

_STYLE = """<style>
.bm-portrait{font:14px/1.45 system-ui,"Noto Sans CJK SC",sans-serif;color:#222;background:#fff;max-width:960px;
 border:1px solid #ddd;border-radius:8px;padding:14px 18px}
.bm-portrait h3{margin:0 0 8px;font-size:17px}.bm-portrait h4{margin:0 0 4px;font-size:14px}
.bm-portrait .bm-cards{display:flex;flex-wrap:wrap;gap:14px 26px}.bm-portrait .bm-cards>div{flex:1 1 270px}
.bm-portrait table{border-collapse:collapse;width:100%;margin:0;font-size:13px}
.bm-portrait td,.bm-portrait th{text-align:left;vertical-align:top;padding:2px 8px 2px 0;border:0;background:none;
 white-space:normal}
.bm-portrait td.bm-n{text-align:right}.bm-portrait td.bm-n,.bm-portrait .bm-cards td{white-space:nowrap}
.bm-portrait .bm-soft{color:#595959;font-size:12px}
.bm-portrait .bm-bar{background:#0072B2;height:9px;display:inline-block;vertical-align:baseline}
.bm-portrait .bm-key{width:10px;height:10px;display:inline-block;margin-right:4px}
.bm-portrait .bm-wide{margin-top:12px}.bm-portrait svg{display:block;max-width:100%;height:auto}
</style>"""


def page(portrait: "Portrait") -> str:
    """Return a portrait as HTML that stands by itself."""
    p = portrait
    now = p.months.iloc[-1] if len(p.months) else None
    aum = f"AUM {money(now.aum)}" if now is not None else "no balances yet"
    state = f" · {p.state}" if p.state else ""
    cards = [
        _card("Who", _facts(p.who)),
        _card("Products now", _products(now)),
        _card("Channels, six months", _channels(p)),
    ]
    wide = [
        _card("Products over time", chart(p.months)) if len(p.months) else "",
        _card("Most telling tags", _tags(p.tags)),
        _card("Likely next", _steps(p.next_steps)) if len(p.next_steps) else "",
        _card("Last contacts", _contacts(p.contacts)),
    ]
    notes = "".join(f'<div class="bm-soft">{escape(note)}</div>' for note in p.notes)
    body = "".join(part.replace("<div>", '<div class="bm-wide">', 1) for part in wide)
    return (
        f'{_STYLE}<div class="bm-portrait"><h3>{escape(p.label)}, {p.as_of}: {escape(aum + state)}</h3>'
        f'<div class="bm-cards">{"".join(cards)}</div>{body}{notes}</div>'
    )


def money(value: float) -> str:
    """Write an amount in short.

    Examples
    --------
    >>> money(512.4), money(48_250), money(3_214_567)
    ('512 yuan', '48.2 thousand yuan', '3.21 million yuan')
    """
    for size, name, digits in ((1e9, "billion ", 2), (1e6, "million ", 2), (1e4, "thousand ", 1)):
        if abs(value) >= size:
            value = value / (1e3 if size == 1e4 else size)
            return f"{value:,.{digits}f} {name}yuan".replace("-", "−")
    return f"{value:,.0f} yuan".replace("-", "−")


def words(name: Any) -> str:
    """Turn the name of a product or channel into words, escaped.

    Examples
    --------
    >>> words("card_balance"), words("<b>"), words(None)
    ('credit card debt', '&lt;b&gt;', '–')
    """
    if name is None or name != name:
        return "–"
    return escape(WORDS.get(str(name), str(name).replace("_", " ")))


def _card(title: str, body: str) -> str:
    return f"<div><h4>{escape(title)}</h4>{body}</div>"


def _table(rows: Iterable[Sequence[str]], numbers: Sequence[int] = ()) -> str:
    """Return rows of cells that are escaped already; columns of ``numbers`` are set flush right."""
    lines = []
    for row in rows:
        cells = (f'<td class="bm-n">{c}</td>' if i in numbers else f"<td>{c}</td>" for i, c in enumerate(row))
        lines.append(f"<tr>{''.join(cells)}</tr>")
    return f"<table>{''.join(lines)}</table>"


def _facts(who: Mapping[str, str]) -> str:
    return _table((f'<span class="bm-soft">{escape(name)}</span>', escape(fact)) for name, fact in who.items())


def _products(now: "pd.Series | None") -> str:
    if now is None:
        return "–"
    held = [(name, now[name]) for name in COLOURS if now[name]]
    rows = [(f"{_key(name)}{words(name)}", money(value)) for name, value in held]
    return _table(rows, (1,)) if rows else "none"


def _key(name: str) -> str:
    return f'<span class="bm-key" style="background:{COLOURS[name]}"></span>'


def _channels(p: "Portrait") -> str:
    if not len(p.channels):
        return "no movements of the customer's own"
    most = p.channels.movements.max()
    bar = '<span class="bm-bar" style="width:{:.0f}px"></span> {:,}'
    return _table(
        (words(r["channel"]), bar.format(80 * r["movements"] / most, r["movements"])) for r in _rows(p.channels)
    )


def _rows(frame: "pd.DataFrame") -> list[dict[str, Any]]:
    return [{str(name): value for name, value in row.items()} for row in frame.to_dict("records")]


def _tags(tags: "pd.DataFrame") -> str:
    if not len(tags):
        return "none holds"
    order = "The rarest first, with the share of all customers who have the tag; those whose share is hidden last."
    rule = f'<div class="bm-soft">{order}</div>'
    rows = [
        (
            f"<b>{escape(r['name'])}</b> {escape(r['name_zh'])}<br><span class='bm-soft'>{escape(r['meaning'])}</span>",
            _share(r["share"]),
            f"<span class='bm-soft'>{escape(r['evidence'])}</span>",
        )
        for r in _rows(tags)
    ]
    return rule + _table(rows, (1,)).replace("<td>", '<td style="width:46%">')


def _share(share: float | None) -> str:
    if share is None or share != share:
        return "hidden"
    return "under 0.1%" if share < 0.001 else f"{100 * share:.1f}%"


def _steps(steps: "pd.DataFrame") -> str:
    soft = "<span class='bm-soft'>{}</span>"
    return _table(
        (
            (f"<b>{escape(r['name'])}</b>", f"{100 * r['probability']:.1f}%", soft.format(escape(r["meaning"])))
            for r in _rows(steps)
        ),
        (1,),
    )


def _contacts(contacts: "pd.DataFrame") -> str:
    if not len(contacts):
        return "none is known"
    return _table(
        (str(r["day"])[:10], plain(r["department"]), words(r["channel"]), plain(r["status"]), plain(r["campaign"]))
        for r in _rows(contacts)
    )


def plain(name: Any) -> str:
    """Write any other name with spaces, escaped.

    Examples
    --------
    >>> plain("opted_out"), plain("<b>"), plain(None)
    ('opted out', '&lt;b&gt;', '–')
    """
    return "–" if name is None or name != name else escape(str(name).replace("_", " "))


def chart(months: "pd.DataFrame") -> str:
    """Draw balances month by month as stacked bars, debts below the line; an inline SVG with alternative text."""
    width, height, left, bottom = 900, 190, 92, 22
    assets = [name for name in COLOURS if name not in ("loan", "card_balance")]
    debts = [name for name in COLOURS if name not in assets]
    up, down = months[assets].sum(axis=1), months[debts].sum(axis=1)
    top, low = float(up.max()), float(down.max())
    scale = (height - bottom - 10) / max(top + low, 1.0)
    zero = 10 + top * scale
    step = (width - left) / len(months)
    bars = []
    for i, row in enumerate(_rows(months)):
        x = left + i * step
        for names, sign in ((assets, -1), (debts, 1)):
            at = zero
            for name in names:
                tall = row[name] * scale
                if tall > 0:
                    y = at - tall if sign < 0 else at
                    place = f'x="{x:.1f}" y="{y:.1f}" width="{step * 0.8:.1f}" height="{tall:.1f}"'
                    bars.append(f'<rect {place} fill="{COLOURS[name]}"/>')
                    at += sign * tall
    every = max(1, len(months) // 6)
    labels = [
        f'<text x="{left + i * step:.1f}" y="{height - 5}" font-size="11" fill="#222">{str(month)[:7]}</text>'
        for i, month in enumerate(months.month)
        if i % every == 0 and i * step < width - left - 40
    ]
    marks = [(10.0, top, ""), (zero, 0.0, "")] + (
        [(zero + low * scale, low, "owes ")] if low > 0.15 * (top + low) else []
    )
    lines = [
        f'<line x1="{left}" x2="{width}" y1="{y:.1f}" y2="{y:.1f}" stroke="#BBB"/><text x="{left - 6}" y="{y + 4:.1f}" '
        f'text-anchor="end" font-size="11" fill="#222">{word}{money(value).removesuffix(" yuan")}</text>'
        for y, value, word in marks
    ]
    said = alt(months)
    return (
        f'<svg viewBox="0 0 {width} {height}" width="{width}" height="{height}" role="img" aria-label="{escape(said)}">'
        f"<title>{escape(said)}</title>{''.join(lines)}{''.join(bars)}{''.join(labels)}</svg>"
        '<div class="bm-soft">Yuan at each month end; debts hang below the line. '
        + " ".join(f"{_key(name)}{words(name)}" for name in COLOURS if months[name].abs().max() > 0)
        + "</div>"
    )


def alt(months: "pd.DataFrame") -> str:
    """Say in a sentence what the chart shows."""
    first, last = months.iloc[0], months.iloc[-1]
    held = ", ".join(f"{WORDS.get(name, name)} {money(last[name])}" for name in COLOURS if last[name]) or "nothing"
    return (
        f"AUM {money(first.aum)} in {str(first.month)[:7]} and {money(last.aum)} in {str(last.month)[:7]}; "
        f"at the end: {held}."
    )

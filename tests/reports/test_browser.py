"""Reports as a reader's browser sees them."""

import nbformat
import pytest
from stubs import notebook

from bankmkt.reports import run_reports

pytestmark = pytest.mark.browser

FIGURE = """\
import pandas as pd
from matplotlib.figure import Figure

from bankmkt import reports

axes = Figure().subplots()
axes.plot([1, 2, 4])
reports.show(axes, alt="It doubles.")
reports.table(pd.DataFrame({"branch": ["<script>alert(1)</script>"], "n": [1]}), "Branches")
reports.say("**{name}** leads, see [the index](index.html).", name="<img src=http://example.com/x.png>")
assert org_id != 3
"""


@pytest.fixture(scope="module")
def site(bank, tmp_path_factory):
    """Return a folder with a report, one a branch, and one of them failed."""
    folder = tmp_path_factory.mktemp("site")
    nbformat.write(notebook(FIGURE), folder / "50_stub.ipynb")
    for by in (None, "org_id"):
        run_reports([str(folder / "50_stub.ipynb")], by=by, bank=bank, out=folder / "out")
    return folder / "out"


def test_every_page_opens_from_disk_without_complaint_or_outside_request(browser, site):
    visit = browser.visit((site / "index.html").as_uri())
    links = browser.evaluate("[...document.querySelectorAll('a[href]')].map(a => a.href)")
    assert len(links) == 4
    for url in links:
        inner = browser.visit(url)
        assert not inner.error, url
        assert browser.evaluate("document.title.startsWith('The answer')")
        home = browser.evaluate("document.querySelector('.bar a').href")
        assert home == (site / "index.html").as_uri()
        visit.requests += inner.requests
        visit.complaints += inner.complaints
    assert visit.complaints == []
    assert [url for url in visit.requests if not url.startswith(("file:", "data:"))] == []


def test_code_is_hidden_until_asked_for(browser, site):
    browser.visit((site / "50_stub.html").as_uri())
    visible = "[...document.querySelectorAll('.code')].filter(e => e.offsetHeight > 0).length"
    assert browser.evaluate("document.querySelectorAll('.code').length") > 2
    assert browser.evaluate(visible) == 0
    browser.evaluate("document.querySelector('#show-code').click()")
    assert browser.evaluate(visible) > 2


def test_figures_are_drawn_and_described(browser, site):
    browser.visit((site / "50_stub.html").as_uri())
    images = browser.evaluate("[...document.images].map(i => [i.alt, i.complete && i.naturalWidth > 100])")
    assert images == [["It doubles.", True]]


def test_values_stay_text(browser, site):
    browser.visit((site / "50_stub.html").as_uri())
    assert browser.evaluate("document.scripts.length") == 0
    assert "<script>alert(1)</script>" in browser.evaluate("document.querySelector('table.gt_table').innerText")


def test_the_page_fits_a_phone(browser, site):
    browser.call("Emulation.setDeviceMetricsOverride", width=390, height=800, deviceScaleFactor=1, mobile=False)
    for name in ("index.html", "50_stub.html"):
        browser.visit((site / name).as_uri())
        assert browser.evaluate("document.documentElement.scrollWidth") <= 390, name
    browser.call("Emulation.clearDeviceMetricsOverride")


def test_on_paper_the_buttons_are_gone(browser, site):
    browser.visit((site / "50_stub.html").as_uri())
    browser.call("Emulation.setEmulatedMedia", media="print")
    assert browser.evaluate("getComputedStyle(document.querySelector('.bar')).display") == "none"
    browser.call("Emulation.setEmulatedMedia", media="")

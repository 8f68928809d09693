"""Figures drawn from the frames that the computing functions return.

A plot function takes such a frame and an ``ax`` and returns the ``Axes``; it never computes results, saves or shows.
"""

from bankmkt.plots.theme import themed, use_theme
from bankmkt.plots.wording import alt_text, change, compared, quantity, words

__all__ = ["alt_text", "change", "compared", "quantity", "themed", "use_theme", "words"]

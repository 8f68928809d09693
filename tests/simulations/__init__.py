"""Whether intervals, tests and refusals keep their word, over many made-up data sets whose truth is known.

A module ``sim_SUBJECT.py`` has a function ``simulate(repeats, seed)`` that returns a row per claim: subject, setting,
figure, value, mc_se (the figure's own standard error), wanted (in words), ok. The unit tests run it with few repeats;
``make simulate`` with ``repeats``' default, and writes the table of ``docs/validation.md``.
"""

"""What customers do: funnels over any table of events.

The package is called like the function it is named after: ``bm.funnel(events, ["view", "buy"])``.
"""

import sys
from types import ModuleType

from bankmkt.funnel.attribution import Attribution, attribute
from bankmkt.funnel.aarrr import aarrr
from bankmkt.funnel.comparison import compare
from bankmkt.funnel.funnel import Funnel, funnel
from bankmkt.funnel.shapley import shapley_values
from bankmkt.funnel.touches import touches

__all__ = ["Attribution", "Funnel", "aarrr", "attribute", "compare", "funnel", "shapley_values", "touches"]


class _Callable(ModuleType):
    __call__ = staticmethod(funnel)


sys.modules[__name__].__class__ = _Callable

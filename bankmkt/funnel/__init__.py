"""What customers do: funnels over any table of events.

The package is called like the function it is named after: ``bm.funnel(events, ["view", "buy"])``.
"""

import sys
from types import ModuleType

from bankmkt.funnel.comparison import compare
from bankmkt.funnel.funnel import Funnel, funnel

__all__ = ["Funnel", "compare", "funnel"]


class _Callable(ModuleType):
    __call__ = staticmethod(funnel)


sys.modules[__name__].__class__ = _Callable

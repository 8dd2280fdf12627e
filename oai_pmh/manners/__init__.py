"""Good manners at the window: harvesters take turns, so that none hinders another and all together no reader."""

from oai_pmh.manners.figures import Figures
from oai_pmh.manners.turns import Turns

__all__ = ["Figures", "Turns"]

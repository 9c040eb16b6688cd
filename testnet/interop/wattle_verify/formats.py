"""The types of FORMATS.md as codecs, under one name."""

from .events import *  # noqa: F401,F403
from .facts import *  # noqa: F401,F403
from .tables import *  # noqa: F401,F403

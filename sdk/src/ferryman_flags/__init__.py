"""Feature flags for Python: flagd-compatible definitions, evaluated in the process.

`Evaluator` turns definitions into values; `FlagClient` is one that a server keeps current.
"""

from ferryman_flags.client import FlagClient, Status
from ferryman_flags.context import bound
from ferryman_flags.definition import BrokenFlag, Flag, FlagSet, parse
from ferryman_flags.details import Details
from ferryman_flags.errors import DefinitionError, ErrorCode, Reason
from ferryman_flags.evaluator import Evaluator
from ferryman_flags.overriding import override

__version__ = "0.1.0"

__all__ = [
    "BrokenFlag",
    "DefinitionError",
    "Details",
    "ErrorCode",
    "Evaluator",
    "Flag",
    "FlagClient",
    "FlagSet",
    "Reason",
    "Status",
    "bound",
    "override",
    "parse",
]

"""Feature flags for Python: flagd-compatible definitions, evaluated in the process.

`Evaluator` turns definitions into values; `FlagClient` is one that a server keeps current.
"""

from typing import TYPE_CHECKING, Any

from ferryman_flags.context import bound
from ferryman_flags.definition import BrokenFlag, Flag, FlagSet, parse
from ferryman_flags.details import Details
from ferryman_flags.errors import DefinitionError, ErrorCode, Reason
from ferryman_flags.evaluator import Evaluator
from ferryman_flags.overriding import override

if TYPE_CHECKING:
    from ferryman_flags.client import FlagClient, Status

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


def __getattr__(name: str) -> Any:
    """The client is imported when it is asked for: it needs HTTP and TLS, which an evaluator does not."""
    if name not in {"FlagClient", "Status"}:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from ferryman_flags import client  # noqa: PLC0415

    return getattr(client, name)

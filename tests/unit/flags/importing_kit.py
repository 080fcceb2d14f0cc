"""An export of another system, imported, compiled and evaluated."""

from __future__ import annotations

import json
from typing import Any

from ferryman.flags.check import check_set
from ferryman.flags.compile import compile_all
from ferryman.flags.definition import FlagSet, in_environment
from ferryman.flags.importing.base import Choice, Imported
from ferryman.flags.importing.readers import import_flags
from ferryman.spec.flags import parse_flags
from ferryman_flags.evaluator import Evaluator

CHOICE = Choice("shop", "2027-03-31")
USERS = [f"user-{n}" for n in range(2000)]


class World:
    """An import, and what it serves in an environment."""

    def __init__(self, document: dict[str, Any], environment: str = "staging", choice: Choice = CHOICE) -> None:
        self.imported: Imported = import_flags(document, choice)
        defined = parse_flags(json.dumps(self.imported.document), "imported.yaml").defined
        flags = {key: in_environment(flag, environment) for key, flag in defined.flags.items()}
        self.whole = FlagSet(flags, defined.segments)
        assert list(check_set(self.whole, environment)) == []
        self._evaluator = Evaluator()
        assert self._evaluator.load({"flags": compile_all(self.whole, {})}) is not None

    def serves(self, flag: str, user: str = "ana", **context: Any) -> Any:
        found = self._evaluator.details(flag, None, {"targetingKey": user, **context})
        assert found.error is None, found
        return found.variant

    def share(self, flag: str, variant: str, **context: Any) -> float:
        return sum(self.serves(flag, user, **context) == variant for user in USERS) * 100 / len(USERS)

    def rules(self, flag: str) -> list[Any]:
        return self.imported.document["flags"][flag].get("rules", [])

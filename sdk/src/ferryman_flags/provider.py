"""Flags through the OpenFeature SDK: `api.set_provider(FerrymanProvider(client))`. Needs the extra `openfeature`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from openfeature.evaluation_context import EvaluationContext  # pyright: ignore[reportMissingTypeStubs]
from openfeature.event import ProviderEventDetails
from openfeature.exception import ErrorCode
from openfeature.flag_evaluation import FlagResolutionDetails, FlagValueType
from openfeature.provider import AbstractProvider, Metadata  # pyright: ignore[reportMissingTypeStubs]

from ferryman_flags.client import FlagClient
from ferryman_flags.context import CURRENT
from ferryman_flags.evaluator import Evaluator
from ferryman_flags.kinds import Kind

Structure = Sequence[FlagValueType] | Mapping[str, FlagValueType]
READY_SECONDS = 5.0


class FerrymanProvider(AbstractProvider):
    """A provider over a `FlagClient`, or over an `Evaluator` that somebody else keeps current.

    It has no hooks. Its configuration-changed events name the flags. Shutting it down closes the client.
    """

    def __init__(self, flags: Evaluator, *, ready_seconds: float = READY_SECONDS) -> None:
        """`ready_seconds` is how long `initialize` waits for a client that knows no flags at all yet."""
        super().__init__()
        self._flags, self._ready_seconds = flags, ready_seconds
        self._details = flags.details
        if isinstance(flags, FlagClient):
            flags.on_change(self._changed)

    def initialize(self, evaluation_context: EvaluationContext) -> None:
        if isinstance(self._flags, FlagClient) and self._flags.status().source == "none":
            self._flags.ready(self._ready_seconds)

    def shutdown(self) -> None:
        if isinstance(self._flags, FlagClient):
            self._flags.close()

    def get_metadata(self) -> Metadata:
        return Metadata("ferryman")

    def _changed(self, keys: frozenset[str]) -> None:
        self.emit_provider_configuration_changed(ProviderEventDetails(flags_changed=sorted(keys)))

    def _resolve(
        self, kind: Kind, key: str, default: Any, context: EvaluationContext | None
    ) -> FlagResolutionDetails[Any]:
        if context is None or not (context.attributes or context.targeting_key):
            own: Mapping[str, Any] = CURRENT
        else:
            own = {**context.attributes, "targetingKey": context.targeting_key}
        found = self._details(key, default, own, kind=kind)
        if found.error is None:
            return FlagResolutionDetails(found.value, None, None, found.reason, found.variant, found.metadata)
        code = ErrorCode(found.error.value)
        return FlagResolutionDetails(found.value, code, found.message, found.reason, found.variant, found.metadata)

    def resolve_boolean_details(
        self, flag_key: str, default_value: bool, evaluation_context: EvaluationContext | None = None
    ) -> FlagResolutionDetails[bool]:
        return self._resolve("boolean", flag_key, default_value, evaluation_context)

    def resolve_string_details(
        self, flag_key: str, default_value: str, evaluation_context: EvaluationContext | None = None
    ) -> FlagResolutionDetails[str]:
        return self._resolve("string", flag_key, default_value, evaluation_context)

    def resolve_integer_details(
        self, flag_key: str, default_value: int, evaluation_context: EvaluationContext | None = None
    ) -> FlagResolutionDetails[int]:
        return self._resolve("integer", flag_key, default_value, evaluation_context)

    def resolve_float_details(
        self, flag_key: str, default_value: float, evaluation_context: EvaluationContext | None = None
    ) -> FlagResolutionDetails[float]:
        return self._resolve("float", flag_key, default_value, evaluation_context)

    def resolve_object_details(
        self, flag_key: str, default_value: Structure, evaluation_context: EvaluationContext | None = None
    ) -> FlagResolutionDetails[Structure]:
        return self._resolve("object", flag_key, default_value, evaluation_context)

"""An approval link as it is shown to the person who opened it."""

from __future__ import annotations

import msgspec

from ferryman.model.view import ApprovalView, GivenView, ServiceView


class LinkView(msgspec.Struct, frozen=True):
    """`person` may answer `approval` in `role`, once, until `expires_at` (epoch seconds). `service` is how it stands now,
    `agreed` what they said already by other means."""

    person: str
    role: str
    approval: ApprovalView
    service: ServiceView
    expires_at: float
    agreed: GivenView | None = None

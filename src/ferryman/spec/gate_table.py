"""The keys of what a release waits for besides evidence: people who must agree."""

from __future__ import annotations

import msgspec

from ferryman.model.release import Approval
from ferryman.model.role import Role
from ferryman.spec.kinds import Choice, Duration, Flag, Schema, Whole
from ferryman.spec.nodes import Node
from ferryman.spec.report import Report
from ferryman.spec.shapes import Given, Key, Keys

PEOPLE_MAX = 20


class OneObject(msgspec.Struct, frozen=True):
    """Keys that make one object of the model, rather than a section whose keys have homes of their own."""

    inner: Keys

    @property
    def label(self) -> str:
        return self.inner.label

    def read(self, node: Node, path: str, report: Report) -> object:
        return self.inner.read(node, path, report)

    def schema(self) -> Schema:
        return self.inner.schema()


def _approval(given: Given) -> object:
    return msgspec.structs.replace(Approval(), **given.values)


APPROVAL = Keys(
    title="Approval",
    doc=(
        "People who must agree, each with `ferry approve`. One `ferry deny`, or no answer in time, takes the release back. "
        "`{}` is one operator."
    ),
    keys=(
        Key("count", Whole(1, PEOPLE_MAX), "How many different people.", "count", 1),
        Key("role", Choice((Role.OPERATOR.value, Role.ADMIN.value)), "The role that each has at least.", "role", "operator"),
        Key(
            "timeout", Duration(above=True, words={"never": None}), "How long they are waited for.",
            "timeout_seconds", "24h",
        ),
        Key("authorCounts", Flag(), "Whether who asked for the release may be one of them.", "author_counts", True),
    ),
    build=_approval,
)  # fmt: skip

APPROVALS = Keys(
    title="Approvals",
    doc="Approvals of any strategy; a canary may ask for more with `approve` steps.",
    keys=(
        Key("start", OneObject(APPROVAL), "Asked for before the first user meets the new version.", "approvals.start"),
        Key("promotion", OneObject(APPROVAL), "Asked for before everybody does.", "approvals.promotion"),
    ),
)

"""Who ranks as whom."""

import pytest

from ferryman.model.role import ROLES, Role, ranks_as


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("wanted", ROLES)
def test_a_role_may_what_those_below_it_may(role: Role, wanted: Role) -> None:
    order = ["viewer", "operator", "admin"]
    assert ranks_as(role.value, wanted.value) is (order.index(role.value) >= order.index(wanted.value))


@pytest.mark.parametrize(("role", "wanted"), [("", "viewer"), ("owner", "viewer"), ("admin", "owner"), ("", "")])
def test_what_is_no_role_never_may(role: str, wanted: str) -> None:
    assert not ranks_as(role, wanted)

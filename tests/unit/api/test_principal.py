"""Who may what, role by role."""

import pytest

from ferryman.api.access.principal import EVERY_SERVICE, Forbidden, Permission, Principal, Unauthenticated, owner
from ferryman.api.problems import to_document, to_error
from ferryman.model.role import Role

READ, EVALUATE, OPERATE, ADMINISTER = Permission


@pytest.mark.parametrize(
    ("role", "allowed"),
    [
        (None, set[Permission]()),
        (Role.VIEWER, {READ, EVALUATE}),
        (Role.OPERATOR, {READ, EVALUATE, OPERATE}),
        (Role.ADMIN, {READ, EVALUATE, OPERATE, ADMINISTER}),
    ],
)
def test_a_role_may_all_that_a_lower_one_may(role: Role | None, allowed: set[Permission]) -> None:
    everywhere = Principal("ana", {EVERY_SERVICE: role} if role else {})
    here = Principal("ana", {"shop": role} if role else {})
    for permission in Permission:
        assert everywhere.may(permission, "shop") is (permission in allowed)
        assert everywhere.may(permission, None) is (permission in allowed)
        assert here.may(permission, "shop") is (permission in allowed)
        assert not here.may(permission, "cart")


def test_a_role_for_one_service_opens_lists_but_nothing_of_the_whole() -> None:
    ana = Principal("ana", {"shop": Role.ADMIN})
    assert ana.may(READ, None)
    assert not ana.may(OPERATE, None)
    assert not ana.may(ADMINISTER, None)


def test_the_higher_of_two_roles_counts() -> None:
    ana = Principal("ana", {EVERY_SERVICE: Role.OPERATOR, "shop": Role.VIEWER, "cart": Role.ADMIN})
    assert (ana.role("shop"), ana.role("cart"), ana.role(None)) == (Role.OPERATOR, Role.ADMIN, Role.OPERATOR)


def test_what_is_refused_says_who_and_what_is_needed() -> None:
    with pytest.raises(Forbidden) as caught:
        Principal("ana", {"shop": Role.VIEWER}).need(OPERATE, "shop")
    error = caught.value
    assert error.code == "forbidden"
    assert "ana is viewer for service 'shop'; this needs operator" in error.message
    assert error.hint
    with pytest.raises(Forbidden, match="nothing for the whole controller"):
        Principal("ana", {}).need(ADMINISTER, None)
    owner("root").need(ADMINISTER, None)


def test_refusals_keep_their_class_and_status_on_the_wire() -> None:
    for error, status in ((Unauthenticated("no_credential", "who?"), 401), (Forbidden("forbidden", "no"), 403)):
        document = to_document(error)
        assert document.status == status
        assert type(to_error(document)) is type(error)

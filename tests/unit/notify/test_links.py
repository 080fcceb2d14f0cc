"""Tokens of approval links: what was changed, or made elsewhere, is never taken for one."""

from __future__ import annotations

import base64

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ferryman.model.errors import Refused
from ferryman.notify.links import TOKEN_CHARACTERS_MAX, Claims, digest_of, make_token, read_token

KEY, OTHER = bytes(range(32)), bytes(range(1, 33))
CLAIMS = Claims("shop", "shop-2", "shop-2/1/3/0", "ana-mail", "ana@example.org", 1_700_086_400.25)
TOKEN = make_token(KEY, CLAIMS)
ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_."


def code(token: str, key: bytes = KEY) -> str:
    with pytest.raises(Refused) as caught:
        read_token(key, token)
    assert caught.value.hint
    return caught.value.code


def test_a_link_is_read_as_it_was_made_and_always_made_the_same() -> None:
    assert read_token(KEY, TOKEN) == CLAIMS
    assert make_token(KEY, CLAIMS) == TOKEN
    assert len(TOKEN) < 250  # it stands in mails


@given(
    st.builds(
        Claims,
        service=st.text(max_size=40),
        rollout=st.text(max_size=60),
        gate=st.text(max_size=80),
        channel=st.text(max_size=40),
        person=st.text(max_size=100),
        expires_at=st.floats(0, 1e11),
    )
)
def test_any_claims_come_back(claims: Claims) -> None:
    try:
        msgspec.json.encode(claims)
    except UnicodeEncodeError:
        return  # lone surrogates are in no settings and in no log
    token = make_token(KEY, claims)
    if len(token) <= TOKEN_CHARACTERS_MAX:
        assert read_token(KEY, token) == claims


def test_every_single_character_counts() -> None:
    """Also those bits of base64 that stand for nothing: a link has one form only."""
    for place in range(len(TOKEN)):
        for other in ALPHABET:
            changed = TOKEN[:place] + other + TOKEN[place + 1 :]
            if changed != TOKEN:
                assert code(changed) in {"link_forged", "link_key_changed"}, (place, other)


@pytest.mark.parametrize("cut", [1, 10, 44, 100])
def test_a_link_that_was_cut_off_or_grew_is_none(cut: int) -> None:
    for changed in (TOKEN[:-cut], TOKEN[cut:], TOKEN + "A" * cut, TOKEN + "=", TOKEN + "\n", " " + TOKEN):
        assert code(changed) in {"link_forged", "link_key_changed"}


@given(st.text(max_size=200))
def test_whatever_else_is_no_link(text: str) -> None:
    assert code(text) in {"link_forged", "link_key_changed"}


def test_a_link_of_another_key_is_told_from_one_that_nobody_made() -> None:
    assert code(TOKEN, OTHER) == "link_key_changed"
    assert code("0123abcd.W10.AAAA") == "link_key_changed"
    assert code("nonsense.W10.AAAA") == "link_forged"
    assert code(TOKEN[:9] + "W10" + TOKEN[TOKEN.rindex(".") :]) == "link_forged"


def test_claims_of_another_link_under_this_signature_are_none() -> None:
    key_id, _, signature = TOKEN.split(".")
    for field, value in (("person", "eve"), ("gate", "shop-2/1/4/0"), ("service", "pay"), ("expires_at", 2e9)):
        said = msgspec.json.encode(msgspec.structs.replace(CLAIMS, **{field: value}))
        other = base64.urlsafe_b64encode(said).rstrip(b"=").decode()
        assert code(f"{key_id}.{other}.{signature}") == "link_forged"


def test_a_signature_of_something_else_by_the_same_key_is_none() -> None:
    """The domain keeps it apart from everything else that a key may sign."""
    import hashlib
    import hmac

    said = msgspec.json.encode(CLAIMS)
    plain = base64.urlsafe_b64encode(hmac.new(KEY, said, hashlib.sha256).digest()).rstrip(b"=").decode()
    key_id, claims, _ = TOKEN.split(".")
    assert code(f"{key_id}.{claims}.{plain}") == "link_forged"


def test_what_is_written_down_is_no_link() -> None:
    assert len(digest_of(TOKEN)) == 64
    assert digest_of(TOKEN) not in TOKEN
    assert code(digest_of(TOKEN)) == "link_forged"

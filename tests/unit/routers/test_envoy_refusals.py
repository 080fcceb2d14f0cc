"""Reading the reason of a refusal out of Envoy's log, with entries as Envoy 1.40 writes them."""

from ferryman.routers.envoy.refusals import REASON_LIMIT_CHARACTERS, refusal_reason

STAMP = "[2026-11-26 11:24:23.605][9118][warning][config] [source/extensions/subscription.cc:81] "
REFUSED = STAMP + "Filesystem config update rejected: "


def test_the_reason_is_what_follows_the_stamps() -> None:
    log = STAMP + "something else\n" + REFUSED + "Error adding/updating listener(s) bad: cannot bind '127.0.0.1:9812'\n"
    assert refusal_reason(log) == "Error adding/updating listener(s) bad: cannot bind '127.0.0.1:9812'"


def test_of_several_the_last_counts() -> None:
    assert refusal_reason(REFUSED + "first\n" + REFUSED + "second\n" + STAMP + "other\n") == "second"


def test_several_lines_become_one() -> None:
    assert refusal_reason(REFUSED + "listener one: taken\nlistener two: taken\n\n") == (
        "listener one: taken listener two: taken"
    )


def test_a_printed_file_is_left_out() -> None:
    log = (
        REFUSED + 'goo.gle/debugonly   \nname: "shop"\nvirtual_hosts {\n}\n'
        ": Proto constraint validation failed (A.B[0]: embedded message failed | caused by C.Name: value is too short)\n"
    )
    assert refusal_reason(log) == "C.Name: value is too short"


def test_a_file_that_is_no_json_is_told_too() -> None:
    log = STAMP + "Filesystem config update failure: Unable to parse JSON as proto\n"
    assert refusal_reason(log) == "Unable to parse JSON as proto"


def test_without_a_refusal_there_is_no_reason() -> None:
    assert refusal_reason("") == ""
    assert refusal_reason(STAMP + "caught ENVOY_SIGTERM\n") == ""


def test_it_is_bounded() -> None:
    assert len(refusal_reason(REFUSED + "x" * 10_000)) == REASON_LIMIT_CHARACTERS

"""Features of Unleash in our own words, by what its client specification speaks about, and users to ask about.

Source: the documented response of ``GET /api/client/features`` and the documented strategies, operators and stickiness of
Unleash. What is right is not written here: Unleash's own engine says it, of the features as they are.
"""

from __future__ import annotations

from itertools import product
from typing import Any, NamedTuple

State = dict[str, Any]
User = dict[str, Any]


class Area(NamedTuple):
    """`drawn`: shares of users are drawn, which our hash does anew; Unleash's clients must still meet the same people."""

    name: str
    features: list[State]
    users: list[User]
    segments: tuple[State, ...] = ()
    drawn: bool = False


def feature(name: str, *strategies: State, **more: Any) -> State:
    return {"name": name, "type": "operational", "enabled": True, "strategies": list(strategies), **more}


def strategy(name: str = "default", *constraints: State, parameters: State | None = None, **more: Any) -> State:
    return {"name": name, "parameters": parameters or {}, "constraints": list(constraints), **more}


def flexible(rollout: int, group: str, stickiness: str = "userId", *constraints: State, **more: Any) -> State:
    given = {"rollout": str(rollout), "groupId": group, "stickiness": stickiness}
    return strategy("flexibleRollout", *constraints, parameters=given, **more)


def where(name: str, operator: str, *values: str, **more: Any) -> State:
    """A constraint; operators of numbers, versions, dates and patterns take one value."""
    single = operator.startswith(("NUM", "SEMVER", "DATE", "REGEX"))
    return {
        "contextName": name,
        "operator": operator,
        **({"value": values[0]} if single else {"values": list(values)}),
        **more,
    }


def variant(name: str, weight: int, **more: Any) -> State:
    return {"name": name, "weight": weight, "weightType": "variable", "stickiness": "userId", **more}


def text(value: str) -> State:
    return {"payload": {"type": "string", "value": value}}


def with_property(name: str, *values: str) -> list[User]:
    return [{"userId": "ana"}, *({"userId": "ana", "properties": {name: value}} for value in values)]


PEOPLE: list[User] = [{"userId": f"person-{n}", "properties": {"team": f"team-{n % 17}"}} for n in range(120)]
CROWD: list[User] = [{}, {"userId": "ana"}, {"userId": "ben"}, {"userId": "Ana"}, {"sessionId": "ana"}]
PLACES: list[User] = [
    {"userId": user, "environment": place, "appName": app}
    for user, place, app in product(("ana", "ben"), ("dev", "prod"), ("shop", "till"))
]


def constrained(operator: str, written: list[tuple[str, ...]], seen: list[str], *, variations: bool = True) -> Area:
    """Each as it is, inverted, for lower and upper case, and beside another one."""
    features: list[State] = []
    for n, values in enumerate(written):
        plain = where("field", operator, *values)
        forms = [plain, {**plain, "inverted": True}]
        if variations:
            forms += [{**plain, "caseInsensitive": True}, {**plain, "caseInsensitive": True, "inverted": True}]
        features += [feature(f"{operator}-{n}-{m}", strategy("default", form)) for m, form in enumerate(forms)]
        both = strategy("default", plain, where("userId", "IN", "ana", "ben"))
        features += [
            feature(f"{operator}-{n}-and", both),
            feature(f"{operator}-{n}-or", both, strategy("userWithId", parameters={"userIds": "cleo"})),
        ]
    return Area(operator, features, [*with_property("field", *seen), *CROWD, {"userId": "cleo"}])


def simple() -> Area:
    return Area(
        "simple",
        [
            feature("on", strategy()),
            feature("bare"),
            feature("off", strategy(), enabled=False),
            feature("foreign", strategy("byMoonPhase", parameters={"phase": "full"})),
            feature(
                "foreign-or-listed", strategy("byMoonPhase"), strategy("userWithId", parameters={"userIds": "ana"})
            ),
            feature("listed", strategy("userWithId", parameters={"userIds": "ana, ben,cleo"})),
            feature("unlisted", strategy("userWithId", parameters={"userIds": ""})),
            feature("host", strategy("remoteAddress", parameters={"IPs": "10.1.2.3, 192.168.0.0/24, nonsense, ::1"})),
            feature("several", strategy("userWithId", parameters={"userIds": "ben"}), strategy()),
        ],
        [
            *CROWD,
            *({"remoteAddress": ip} for ip in ("10.1.2.3", "10.1.2.4", "192.168.0.77", "192.168.1.1", "::1", "x")),
        ],
    )


def drawn() -> Area:
    def older(name: str, percentage: int, group: str) -> State:
        return strategy(name, parameters={"percentage": str(percentage), "groupId": group})

    in_shop = where("appName", "IN", "shop")
    return Area(
        "drawn",
        [
            *(feature(f"flexible-{n}", flexible(n, "group-a")) for n in (0, 1, 10, 55, 99, 100)),
            *(feature(f"user-{n}", older("gradualRolloutUserId", n, "group-b")) for n in (0, 10, 90, 100)),
            *(feature(f"by-team-{n}", flexible(n, "group-c", "team")) for n in (0, 30, 100)),
            feature("within", flexible(40, "group-d", "userId", in_shop)),
            feature(
                "within-neither", flexible(40, "group-d", "userId", in_shop, where("userId", "NOT_IN", "person-1"))
            ),
            feature("either", flexible(20, "group-e", "userId", in_shop), flexible(30, "group-f", "team")),
            feature("either-or-all", strategy("default", in_shop), flexible(50, "group-g")),
            feature("released", flexible(25, "group-h"), type="release"),
        ],
        [{**user, "appName": app} for user in PEOPLE for app in ("shop", "till")],
        drawn=True,
    )


def with_segments() -> Area:
    segments = [
        {"id": 1, "constraints": [where("plan", "IN", "pro", "plus")]},
        {"id": 2, "constraints": [where("age", "NUM_GTE", "18"), where("age", "NUM_LT", "65")]},
        {"id": 3, "constraints": []},
    ]
    users: list[User] = [
        {"userId": "ana", "properties": {name: value for name, value in (("plan", plan), ("age", age)) if value}}
        for plan, age in product(("", "pro", "free"), ("", "17", "18", "64.5", "65", "old"))
    ]
    features = [
        feature(f"in-{ids}", {**strategy(), "segments": ids}) for ids in ([1], [2], [3], [1, 2], [1, 2, 3], [99])
    ]
    features.append(feature("in-1-and", {**strategy("default", where("userId", "IN", "ana")), "segments": [1]}))
    for each in features:
        each["name"] = each["name"].replace("[", "").replace("]", "").replace(", ", "-")
    return Area("segments", features, users, tuple(segments))


def with_variants() -> Area:
    colours = [variant("red", 333, **text("r")), variant("green", 333, **text("g")), variant("blue", 334, **text("b"))]
    chosen = [{"contextName": "userId", "values": ["person-3", "person-5"]}]
    numbers = [
        variant("low", 500, payload={"type": "number", "value": "1.5"}),
        variant("high", 500, payload={"type": "number", "value": "2"}),
    ]
    forms = [
        variant("one", 500, payload={"type": "json", "value": '{"a": [1]}'}),
        variant("two", 500, payload={"type": "json", "value": '{"b": 2}'}),
    ]
    in_shop = where("appName", "IN", "shop")
    return Area(
        "variants",
        [
            feature("sole", strategy(), variants=[variant("only", 1000, **text("x"))]),
            feature("sole-off", strategy(), variants=[variant("only", 1000, **text("x"))], enabled=False),
            feature("colours", flexible(100, "colours"), variants=colours),
            feature(
                "overridden", flexible(100, "overridden"), variants=[{**colours[0], "overrides": chosen}, *colours[1:]]
            ),
            feature("numbers", flexible(100, "numbers"), variants=numbers),
            feature("forms", flexible(100, "forms"), variants=forms),
            feature("bare", strategy(), variants=[variant("only", 1000)]),
            feature("own", flexible(100, "own-group", variants=colours)),
            feature("own-within", flexible(100, "own-group", "userId", in_shop, variants=colours)),
            feature("own-half", flexible(50, "own-group", variants=colours)),
            feature("own-by-team", flexible(100, "own-group", "team", variants=colours)),
            feature(
                "own-before-shared", flexible(100, "g", variants=[variant("mine", 1000, **text("m"))]), variants=colours
            ),
            feature(
                "one-each",
                strategy("default", in_shop, variants=[variant("inside", 1000, **text("i"))]),
                strategy("default", variants=[variant("outside", 1000, **text("o"))]),
            ),
        ],
        [{**user, "appName": app} for user in PEOPLE for app in ("shop", "till")],
        drawn=True,
    )


def dependent() -> Area:
    parents = [
        feature("parent", strategy("userWithId", parameters={"userIds": "ana"})),
        feature("dark-parent", strategy(), enabled=False),
        feature("parent-of-one", strategy(), variants=[variant("one", 1000, **text("1"))]),
        feature("child-of-child", strategy(), dependencies=[{"feature": "enabled"}]),
    ]
    wanted: dict[str, list[State]] = {
        "enabled": [{"feature": "parent"}],
        "explicitly": [{"feature": "parent", "enabled": True}],
        "not": [{"feature": "parent", "enabled": False}],
        "dark": [{"feature": "dark-parent"}],
        "not-dark": [{"feature": "dark-parent", "enabled": False}],
        "variant": [{"feature": "parent-of-one", "variants": ["one"]}],
        "other-variant": [{"feature": "parent-of-one", "variants": ["two"]}],
        "any-variant": [{"feature": "parent-of-one", "variants": []}],
        "either-variant": [{"feature": "parent-of-one", "variants": ["two", "one"]}],
        "no-variant": [{"feature": "parent", "variants": ["disabled"]}],
        "several": [{"feature": "parent"}, {"feature": "dark-parent", "enabled": False}],
        "several-not": [{"feature": "parent"}, {"feature": "dark-parent"}],
        "gone": [{"feature": "nobody"}],
        "itself": [{"feature": "itself"}],
    }
    return Area(
        "dependent", [*parents, *(feature(name, strategy(), dependencies=on) for name, on in wanted.items())], CROWD
    )


def contexts() -> Area:
    """Fields that have names of their own in a context, and times."""
    long_ago, far_off = "2001-02-03T04:05:06.000Z", "2201-02-03T04:05:06.000Z"
    return Area(
        "contexts",
        [
            feature("in-dev", strategy("default", where("environment", "IN", "dev"))),
            feature("not-dev", strategy("default", where("environment", "NOT_IN", "dev"))),
            feature("in-shop", strategy("default", where("appName", "IN", "shop"), where("environment", "IN", "prod"))),
            feature("no-constraint", strategy("default")),
            feature("nobody", strategy("default", where("environment", "IN"))),
            feature("not-nobody", strategy("default", where("environment", "NOT_IN"))),
            *(
                feature(f"{op}-{n}", strategy("default", where("currentTime", op, at)))
                for op in ("DATE_AFTER", "DATE_BEFORE")
                for n, at in enumerate((long_ago, far_off))
            ),
        ],
        [*PLACES, {}],
    )


AREAS: tuple[Area, ...] = (
    simple(),
    contexts(),
    drawn(),
    with_segments(),
    with_variants(),
    dependent(),
    constrained("IN", [("a", "b"), ("1",), ()], ["a", "A", "b", "c", "", "1", "1.0"], variations=False),
    constrained("NOT_IN", [("a", "b"), ()], ["a", "c", ""], variations=False),
    constrained("STR_STARTS_WITH", [("ab",), ("x", "ab")], ["abc", "ABC", "xab", "b", ""]),
    constrained("STR_ENDS_WITH", [("bc",), (".x", "bc")], ["abc", "ABC", "bcd", "", "a.X"]),
    constrained("STR_CONTAINS", [("b",), ("x", "b.")], ["abc", "ABC", "ab.c", "z", ""]),
    constrained("NUM_EQ", [("12",), ("1.50",)], ["12", "12.0", "1.5", "twelve", "", "-1"], variations=False),
    *(
        constrained(f"NUM_{op}", [("12",), ("-0.5",)], ["12", "11.9", "13", "0", "-1", "x"], variations=False)
        for op in ("GT", "GTE", "LT", "LTE")
    ),
    constrained(
        "SEMVER_EQ", [("1.2.3",), ("1.0.0-rc.1",)], ["1.2.3", "1.2.4", "1.0.0-rc.1", "1.0.0", "x"], variations=False
    ),
    *(
        constrained(
            f"SEMVER_{op}",
            [("1.2.3",), ("2.0.0-rc.1",)],
            ["1.2.3", "1.2.2", "2.0.0-rc.2", "2.0.0", "10.0.0", "x"],
            variations=False,
        )
        for op in ("GT", "LT")
    ),
    constrained(
        "DATE_AFTER",
        [("2026-03-01T12:00:00.000Z",)],
        ["2026-03-01T12:00:00.000Z", "2026-03-02T00:00:00Z", "2026-03-01T12:30:00+02:00", "x"],
        variations=False,
    ),
    constrained(
        "DATE_BEFORE",
        [("2026-03-01T12:00:00.000Z",)],
        ["2026-03-01T12:00:00.000Z", "2026-02-02T00:00:00Z", "2026-03-01T12:30:00+02:00", "x"],
        variations=False,
    ),
    constrained(
        "REGEX",
        [("^ab+$",), ("(?i)AB",), ("x(?i)y",), ("^[[:digit:]]+$",), ("(",), ("a(?=b)",), (r"(a)\1",)],
        ["ab", "abb", "AB", "xY", "XY", "123", "ab\n", "aa"],
    ),
    constrained(
        "IN_CIDR",
        [("10.0.0.0/8", "fd00::/8"), ("127.0.0.1",), ("nonsense", "10.0.0.1")],
        ["10.9.8.7", "fd00::1", "127.0.0.1", "127.0.0.2", "x", ""],
        variations=False,
    ),
)

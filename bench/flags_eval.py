"""What a flag costs to ask for: `ferryman-flags` beside openfeature-flagd-core, openfeature-provider-flagd and
launchdarkly-server-sdk, in one run.

    python bench/flags_eval.py [--rounds N]

CPU time of the thread; the contenders take turns, and of each the best round counts. 1,000 contexts, made beforehand in each
one's own form; the values are compared before anything is timed. Counters are on. Times in absolute terms depend on the
machine and on what else it does: trust the ratios.
"""

from __future__ import annotations

import argparse
import gc
import json
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import ldclient
from _table import Row, show
from ldclient.config import Config
from ldclient.integrations.test_data import TestData
from openfeature import api
from openfeature.client import OpenFeatureClient
from openfeature.contrib.provider.flagd import FlagdProvider
from openfeature.contrib.provider.flagd.config import ResolverType
from openfeature.contrib.tools.flagd.core import FlagdCore
from openfeature.evaluation_context import EvaluationContext
from openfeature.provider.no_op_provider import NoOpProvider

sys.path.insert(0, str(Path(__file__).parents[1] / "sdk" / "src"))
from ferryman_flags import Evaluator
from ferryman_flags.hashing import murmur3
from ferryman_flags.kinds import KINDS
from ferryman_flags.provider import FerrymanProvider

USERS = 1000
MANY = 10_000
RULES: list[Any] = [
    {"in": [{"var": "country"}, ["de", "at"]]},
    {"==": [{"var": "tier"}, "gold"]},
    {"ends_with": [{"var": "email"}, "@example.com"]},
    {"in": [{"var": "plan"}, ["trial"]]},
    {"==": [{"var": "beta"}, "yes"]},
]
VARIANTS = {"on": True, "off": False}
PLAIN = {"state": "ENABLED", "variants": VARIANTS, "defaultVariant": "on"}
CHAIN = [part for n, rule in enumerate(RULES) for part in (rule, "on" if n == len(RULES) - 1 else "off")]
DEFINITIONS = {
    "plain": PLAIN,
    "rules": {**PLAIN, "defaultVariant": "off", "targeting": {"if": CHAIN}},
    "share": {**PLAIN, "defaultVariant": "off", "targeting": {"fractional": [["on", 10], ["off", 90]]}},
}
Ask = Callable[[Any], Any]


def contexts() -> list[dict[str, Any]]:
    more = {"country": "fr", "tier": "silver", "plan": "pro", "beta": "yes"}
    return [{"targetingKey": f"user-{n}", "email": f"user-{n}@shop.example", **more} for n in range(USERS)]


def launchdarkly() -> Any:
    """A client that gets its flags from memory and sends nothing."""
    data = TestData.data_source()
    data.update(data.flag("plain").boolean_flag().variation_for_all(True))
    rules = data.flag("rules").boolean_flag().fallthrough_variation(False)
    rules = rules.if_match("country", "de", "at").then_return(False)
    rules = rules.if_match("tier", "gold").then_return(False)
    rules = rules.if_match("email", "x@example.com").then_return(False)
    rules = rules.if_match("plan", "trial").then_return(False)
    data.update(rules.if_match("beta", "yes").then_return(True))
    return ldclient.LDClient(Config("sdk-key", update_processor_class=data, send_events=False))


def ld_context(context: dict[str, Any]) -> Any:
    builder = ldclient.Context.builder(context["targetingKey"])
    for name, value in context.items():
        if name != "targetingKey":
            builder.set(name, value)
    return builder.build()


def best(contenders: dict[str, tuple[Ask, Sequence[Any]]], rounds: int) -> dict[str, float]:
    """Microseconds of each, the best of interleaved rounds."""
    found = dict.fromkeys(contenders, float("inf"))
    for _ in range(rounds):
        for name, (ask, given) in contenders.items():
            began = time.thread_time()
            for context in given:
                ask(context)
            found[name] = min(found[name], (time.thread_time() - began) / len(given) * 1e6)
    return found


def direct(rounds: int) -> list[Row]:
    own = contexts()
    of = [EvaluationContext(c["targetingKey"], {k: v for k, v in c.items() if k != "targetingKey"}) for c in own]
    ld = [ld_context(context) for context in own]
    evaluator, core, client = Evaluator(), FlagdCore(), launchdarkly()
    evaluator.load({"flags": DEFINITIONS})
    core.set_flags(json.dumps({"flags": DEFINITIONS}))
    keys = [b"\x82\x65share" + b"\x68" + context["targetingKey"].encode() for context in own]
    contenders: dict[str, tuple[Ask, Sequence[Any]]] = {}
    for key in DEFINITIONS:
        contenders[f"own {key}"] = (lambda c, ask=evaluator.bool, key=key: ask(key, False, c)), own
        contenders[f"flagd {key}"] = (lambda c, ask=core.resolve_boolean_value, key=key: ask(key, False, c)), of
        if key != "share":  # it hashes in another way
            contenders[f"ld {key}"] = (lambda c, ask=client.variation, key=key: ask(key, c, False)), ld
        for mine, theirs, third in zip(own, of, ld, strict=True):
            value = evaluator.bool(key, False, mine)
            assert value == core.resolve_boolean_value(key, False, theirs).value
            assert key == "share" or value == client.variation(key, third, False)
    contenders["call"] = (lambda c, ask=_nothing: ask("key", False, c)), own
    contenders["mmh3"] = (lambda key, ask=murmur3: ask(key)), keys
    found = best(contenders, rounds)
    client.close()
    call = found["call"] - best({"empty": (lambda _: None, own)}, rounds)["empty"]
    return rows_of(found, max(call, 0.0))


def _nothing(*_: Any) -> bool:
    """What a call costs that does nothing: it is part of every figure."""
    return False


def rows_of(found: dict[str, float], call: float) -> list[Row]:
    goals = {"plain": (0.25, 6.0, 35.0), "rules": (0.5, 25.0, 30.0), "share": (0.6, 18.0, None)}
    names = {"plain": "boolean without targeting", "rules": "five rules, the fifth matches", "share": "10 % rollout"}
    rows = [Row("a call of a function that does nothing", f"{call:.3f} us")]
    for key, (most, flagd, ld) in goals.items():
        mine = found[f"own {key}"]
        rows.append(Row(names[key], f"{mine:.3f} us", f"<= {most} us", mine <= most))
        for name, limit in (("flagd", flagd), ("ld", ld)):
            if limit is not None:
                theirs = found[f"{name} {key}"]
                what = {"flagd": "flagd-core", "ld": "launchdarkly-server-sdk"}[name]
                times = theirs / mine
                rows.append(
                    Row(f"  {what}: {theirs:.2f} us", f"{times:.1f} times", f">= {limit:g} times", times >= limit)
                )
    times = found["own share"] / found["mmh3"]
    rows.append(Row(f"  mmh3 alone: {found['mmh3']:.3f} us", f"{times:.1f} times it", "<= 7 times", times <= 7))
    return rows


def through_openfeature(rounds: int, folder: Path) -> list[Row]:
    evaluator = Evaluator()
    evaluator.load({"flags": DEFINITIONS})
    api.set_provider_and_wait(NoOpProvider(), "none")
    api.set_provider_and_wait(FerrymanProvider(evaluator), "ferryman")
    none, ours = api.get_client("none"), api.get_client("ferryman")
    theirs = flagd_client(folder)
    of = [EvaluationContext(c["targetingKey"], {k: v for k, v in c.items() if k != "targetingKey"}) for c in contexts()]
    contenders: dict[str, tuple[Ask, Sequence[Any]]] = {"none": ((lambda c: none.get_boolean_value("x", False, c)), of)}
    for key in DEFINITIONS:
        contenders[key] = (lambda c, key=key: ours.get_boolean_value(key, False, c)), of
        contenders[f"flagd {key}"] = (lambda c, key=key: theirs.get_boolean_value(key, False, c)), of
        for context in of:
            assert ours.get_boolean_value(key, False, context) == theirs.get_boolean_value(key, False, context)
    found = best(contenders, rounds)
    api.shutdown()
    rows = [Row("the SDK with its null provider", f"{found['none']:.2f} us")]
    for key in DEFINITIONS:
        more = found[key] - found["none"]
        rows.append(Row(f"  {key}", f"+ {more:.2f} us", "<= + 1.5 us", more <= 1.5))
        other, least = found[f"flagd {key}"], 1.4 if key == "plain" else 2.0
        times = other / found[key]
        goal = f">= {least:g} times"
        rows.append(Row(f"    provider-flagd: {other:.2f} us", f"{times:.1f} times", goal, times >= least))
    return rows


def flagd_client(folder: Path) -> OpenFeatureClient:
    """The provider of flagd, with the same flags out of a file."""
    file = folder / "flags.json"
    file.write_text(json.dumps({"flags": DEFINITIONS}))
    provider = FlagdProvider(resolver_type=ResolverType.FILE, offline_flag_source_path=str(file))
    api.set_provider_and_wait(provider, "flagd")
    return api.get_client("flagd")


def many_flags() -> list[Row]:
    """10,000 flags of 10 forms: read and compile all of them, then change one."""
    flags = {f"flag-{n}": _varied(n) for n in range(MANY)}
    document = json.dumps({"flags": flags})
    evaluator = Evaluator()
    gc.collect()
    gc.freeze()  # what the other tables left behind is not looked through on these flags' account
    began = time.thread_time()
    evaluator.load(document)
    loaded = time.thread_time() - began
    for key in flags:
        evaluator.snapshot.make(KINDS[0], key, details=False)
    compiled = time.thread_time() - began
    patches: list[float] = []
    for n in range(20):
        began = time.thread_time()
        evaluator.patch({f"flag-{n}": {**flags[f"flag-{n}"], "defaultVariant": "off"}})
        evaluator.bool(f"flag-{n}", True, {})
        patches.append((time.thread_time() - began) * 1000)
    middle = sorted(patches)[len(patches) // 2]
    return [
        Row("10,000 flags: read", f"{loaded:.2f} s"),
        Row("  and every one compiled", f"{compiled:.2f} s", "<= 2 s", compiled <= 2),
        Row("one flag changed and asked for, median", f"{middle:.2f} ms", "<= 5 ms", middle <= 5),
    ]


def _varied(n: int) -> dict[str, Any]:
    rules = [part for rule in RULES[: n % 5 + 1] for part in (rule, "on")]
    share = {
        "fractional": [{"cat": [f"seed-{n}", ".", {"var": "targetingKey"}]}, ["on", n % 100], ["off", 100 - n % 100]]
    }
    return {**PLAIN, "defaultVariant": "off", "targeting": {"if": [*rules, share]} if n % 2 else {"if": rules}}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=40, help="rounds of 1,000 evaluations each (%(default)s)")
    rounds = parser.parse_args().rounds
    with tempfile.TemporaryDirectory() as folder:
        tables = [
            show("Flags, asked for directly", direct(rounds)),
            show("Flags through OpenFeature", through_openfeature(max(rounds // 2, 1), Path(folder))),
            show("Many flags", many_flags()),
        ]
    return 0 if all(tables) else 1


if __name__ == "__main__":
    sys.exit(main())

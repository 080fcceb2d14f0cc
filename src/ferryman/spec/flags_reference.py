"""The reference page of flags files, made from the table."""

from __future__ import annotations

from ferryman.spec.flag_table import FLAGS_FILE, SECTIONS
from ferryman.spec.flags import flags_example
from ferryman.spec.reference import key_table
from ferryman.spec.shapes import Keys

INTRODUCTION = """\
# Flags files

Feature flags as people write them. Form and messages are those of the [release file](release-file.md): YAML 1.2, every
problem with its place; a date needs no quotes here. What programs are sent is
[flagd JSON](flags-stream.md#the-set), made of this for one environment.

What a flag serves to a user is decided in this order: killed or tripped (`off`), disabled (the default in the program's own
code), `needs`, `rules`, `rollout`, `default`.

Each variant has a fixed slot of users, its share of `split`, and `exposure` fills the slots from their start. So growing
the exposure never moves a user who was exposed before. Another split, seed, hash or attribute does: `ferry flags plan` says
how many, and it takes `--rebucket`. Kinds differ in what they may have:

| kind | for | has | has not |
|---|---|---|---|
| `release` | a change on its way to everybody | `owner` and `expires`, both needed | `breaker` |
| `ops` | a switch that stays: killed under load or by a breaker | `breaker` | `expires` |
| `experiment` | a comparison; needs a `rollout`, whose split and seed stay once users were exposed | `namespace` | `breaker` |
| `permission` | what somebody paid for or may do; rules decide | | `rollout`, `expires`, `breaker` |
"""

CONDITIONS = """\
## Conditions

`when`, and the values of `segments`, are conditions on the attributes of a user:

```
country in ["de", "at"] and not segment("staff")
plan == "business" or seats >= 50
ends_with(email, "@example.com") and sem_ver(app.version, ">=", "2.3.0")
```

- A name is an attribute; `app.version` is `version` within `app`. `var("odd name")` takes any text for a name,
  `var("seats", 1)` has a value for who lacks it.
- `==`, `!=`, `<`, `<=`, `>`, `>=`; `x in [..]` looks for x in a list, `"a" in x` for a text within a text; `not in`.
- `and`, `or`, `not`, brackets. `and` binds closer than `or`.
- `starts_with(x, y)`, `ends_with(x, y)`, `has(x)`: the attribute is there.
- `sem_ver(x, OPERATOR, y)` compares versions: `=`, `!=`, `<`, `<=`, `>`, `>=`, `^` (same major), `~` (same minor).
- `segment("name")`: the condition of that segment.

`logic` takes JSONLogic instead: `var`, `==`, `===`, `!=`, `!==`, `<`, `<=`, `>`, `>=`, `in`, `if`, `and`, `or`, `!`, `!!`,
`cat`, `merge`, `+`, `-`, `*`, `/`, `%`, `starts_with`, `ends_with`, `sem_ver`, `fractional`, and `{"$segment": "name"}`.
`regex` (a text, and a pattern in the syntax of Python's `re`) takes a time that grows with the text alone: patterns of more
than 512 characters, with lookaround, references back, atomic groups or possessive repetition are refused, and so are those
that are too large with their repetitions written out.

`regex`, `cidr` and `date` are known to `ferryman-flags` alone: a flag with them is broken for other clients, and a warning
says so.

`schema` is JSON Schema, draft 2020-12: every variant is compared with it when the flag is written. Known are `type`, `enum`,
`const`, the limits of numbers, texts, lists and objects, `pattern`, `properties`, `patternProperties`, `additionalProperties`,
`propertyNames`, `required`, `items`, `prefixItems`, `contains`, `uniqueItems`, `allOf`, `anyOf`, `oneOf`, `not`, and `$ref`
within the schema (`#`, `#/$defs/NAME`). What only describes (`title`, `description`, `default`, `examples`, `format`, ...) is
kept and not looked at; any other keyword is refused.

Limits: 8 MiB and 20,000 flags a file, 64 KiB a flag, operators nested 32 deep with everything inlined, 100 variants, 200 rules, 5,000 keys
in `allow`.
"""

BREAKERS = """\
## Breakers

A controller looks at the breakers of all flags every second. A breaker is *closed* until its metric was above the limit for
`for_seconds` without a break. Then the flag is **tripped**: everybody gets `off`, as after a kill, and what people intended
stays as it was. After `recover_seconds` the flag is served again, and the breaker is *half open*: a single value above the
limit trips it again, and `for_seconds` at or below the limit close it. No data never trips a flag, and closes nothing.

| metric | what it is |
|---|---|
| `error_percent` | requests that failed, of 100 |
| `p50_ms`, `p95_ms`, `p99_ms` | how long requests take; programs report powers of two, between which it is estimated |
| `requests_per_second` | how many there are |

These are of the requests of the last 30 seconds in which a program was given a variant other than `off`, as the middleware
of `ferryman-flags` [reports](flags-stream.md#post-v1flagsevaluations) it every ten seconds. Fewer than ten requests are no
data. After the flag was tried again, only what came since counts.

A `query` is asked every five seconds of the Prometheus server that the [settings](settings.md#flags) name. It must give one
number; an error or an answer older than 15 seconds is no data. Without such a server a flag with a query is refused.

`ferry flags list` shows tripped flags, `ferry flags show` where the breaker stands and why, `ferry audit --all` each trip. With
[channels](notifications.md) people are told (`flag_tripped`, `flag_recovered`). A kill goes before a trip and ends by `unkill`
alone. A tripped flag whose breaker is taken away is served again at once. What a controller knows of a breaker stands in the
journal: one that starts anew goes on from there.
"""


def flags_markdown() -> str:
    """The reference page."""
    parts = [INTRODUCTION, _section(FLAGS_FILE)]
    parts += [_section(keys) for keys in SECTIONS]
    parts += [BREAKERS, CONDITIONS, "\n".join(("## Example", "", "```yaml", flags_example().rstrip("\n"), "```", ""))]
    return "\n".join(parts)


def _section(keys: Keys) -> str:
    return "\n".join((f"## {keys.title}", "", keys.doc, "", *key_table(keys.keys))) + "\n"

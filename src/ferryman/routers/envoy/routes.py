"""Route configurations: matches first, then the split, made sticky where the release asks for it."""

from __future__ import annotations

import re
from collections.abc import Iterable

from ferryman.model.errors import Rejected
from ferryman.model.world import Match, RouteTable
from ferryman.routers.envoy.evidence import EVENT_STREAM
from ferryman.routers.envoy.names import TYPE, Json, cluster_name, routes_name

WEIGHT_TOTAL = 10_000
IDLE_SECONDS = 60
"""A request on which nothing moves for so long ends with 504, which the judge counts. A long answer that keeps
moving is never cut."""
STREAM_IDLE_SECONDS = 3600
RETRIES = 2
STICKY_SECONDS = 7 * 24 * 3600
REQUEST_ID = "x-request-id"
SPLIT_ROUTE = "split"
MATCH_ROUTE = "match"
"""Requests steered by a match are no random sample, so evidence is told apart by the name of the route."""


def routes(table: RouteTable) -> Json:
    """The route configuration of the port where users connect. Raises `Rejected` if the weights do not sum to 100."""
    entries = [entry for match in served_matches(table) for entry in _with_streams(_match_route(table, match))]
    entries += _split(table)
    return _configuration(routes_name(table.service), entries)


def preview_routes(table: RouteTable) -> Json:
    """The route configuration of the preview port: everything goes to the preview revision, or 503 says there is none."""
    name = routes_name(table.service, preview=True)
    revision = table.preview
    if revision is None or not table.endpoints.get(revision):
        return _configuration(name, [_nothing(f"{table.service}: no revision is previewed now\n")])
    target: Json = {"cluster": cluster_name(table.service, revision)}
    return _configuration(name, _with_streams(_route("preview", [], target)))


def served_matches(table: RouteTable) -> tuple[Match, ...]:
    """The matches whose revision has an instance; the users of the others go by the weights."""
    return tuple(match for match in table.matches if table.endpoints.get(match.revision))


def weights(table: RouteTable) -> list[tuple[str, int]]:
    """(revision, share of 10,000), the growing revision first: Envoy maps a hash to shares in this order, so its growth
    moves users to it and nobody away. Raises `Rejected` for weights that do not sum to 100."""
    shares = [(revision, round(percent * WEIGHT_TOTAL / 100)) for revision, percent in table.weights.items()]
    if shares and (sum(share for _, share in shares) != WEIGHT_TOTAL or min(share for _, share in shares) < 0):
        raise Rejected(
            "weights_sum",
            f"weights {table.weights} of {table.service} do not sum to 100",
            "ask for shares of 100 in all",
        )
    shares.sort(key=lambda item: (item[0] != table.first, item[0]))
    return [item for item in shares if item[1] > 0]


def sticky_cookie(table: RouteTable) -> str | None:
    """Name of the cookie that remembers a user's side, None when the release does not use one."""
    release = table.sticky_id or table.listener.sticky_id
    if table.listener.sticky_key != "cookie" or not release:
        return None
    return "fm_" + re.sub(r"[^A-Za-z0-9_-]", "_", release)


def _split(table: RouteTable) -> list[Json]:
    shares = weights(table)
    if not shares:
        return [_nothing(f"{table.service}: no version takes traffic yet\n")]
    split: Json = {
        "clusters": [{"name": cluster_name(table.service, name), "weight": weight} for name, weight in shares]
    }
    target: Json = {"weighted_clusters": split}
    cookie, header = sticky_cookie(table), table.listener.sticky_key
    if cookie is not None:
        split["use_hash_policy"] = True
        known: Json = target | {"hash_policy": [{"cookie": {"name": cookie}}]}
        fresh: Json = target | {"hash_policy": [{"header": {"header_name": REQUEST_ID}}]}
        return [
            *_with_streams(_route(SPLIT_ROUTE, [_cookie_matcher(cookie, None)], known)),
            *_with_streams(_route(SPLIT_ROUTE, [], fresh) | {"response_headers_to_add": [_set_cookie(cookie)]}),
        ]
    if header not in (None, "cookie"):
        split["use_hash_policy"] = True
        target["hash_policy"] = [{"header": {"header_name": header}}]
    return _with_streams(_route(SPLIT_ROUTE, [], target))


def _match_route(table: RouteTable, match: Match) -> Json:
    if match.kind == "cookie":
        condition = _cookie_matcher(match.name, match.value)
    elif match.value is None:
        condition: Json = {"name": match.name, "present_match": True}
    else:
        condition = {"name": match.name, "string_match": {"exact": match.value}}
    return _route(MATCH_ROUTE, [condition], {"cluster": cluster_name(table.service, match.revision)})


def _cookie_matcher(name: str, value: str | None) -> Json:
    wanted = r"[^;]+" if value is None else re.escape(value)
    pattern = rf"(?:.*;)?\s*{re.escape(name)}={wanted}\s*(?:;.*)?"
    return {"name": "cookie", "string_match": {"safe_regex": {"regex": pattern}}}


def _set_cookie(name: str) -> Json:
    value = f"{name}=%REQ({REQUEST_ID.upper()})%; Max-Age={STICKY_SECONDS}; Path=/; HttpOnly; SameSite=Lax"
    return {"header": {"key": "set-cookie", "value": value}, "append_action": "APPEND_IF_EXISTS_OR_ADD"}


def _route(name: str, conditions: list[Json], target: Json) -> Json:
    """A route without an overall limit. Only what never reached an instance is tried again: repeating a 5xx would hide a
    failing instance from the judge."""
    action: Json = {
        **target,
        "timeout": "0s",
        "idle_timeout": f"{IDLE_SECONDS}s",
        "retry_policy": {
            "retry_on": "connect-failure,refused-stream",
            "num_retries": RETRIES,
            "retry_host_predicate": [
                {
                    "name": "envoy.retry_host_predicates.previous_hosts",
                    "typed_config": {
                        "@type": f"{TYPE}envoy.extensions.retry.host.previous_hosts.v3.PreviousHostsPredicate"
                    },
                }
            ],
            "host_selection_retry_max_attempts": 5,
            "retry_back_off": {"base_interval": "0.005s", "max_interval": "0.05s"},
        },
    }
    return {"name": name, "match": {"prefix": "/", "headers": conditions}, "route": action}


def _with_streams(route: Json) -> list[Json]:
    """The route, and before it its twins for websockets and server-sent events, which may be silent for long."""
    upgrade: Json = {"name": "upgrade", "present_match": True}
    events: Json = {"name": "accept", "string_match": {"contains": EVENT_STREAM}}
    twins: list[Json] = []
    for condition in (upgrade, events):
        match: Json = {**route["match"], "headers": [condition, *route["match"]["headers"]]}
        action: Json = {**route["route"], "idle_timeout": f"{STREAM_IDLE_SECONDS}s"}
        twins.append(route | {"match": match, "route": action})
    return [*twins, route]


def _nothing(text: str) -> Json:
    answer: Json = {"status": 503, "body": {"inline_string": text}}
    return {"name": "none", "match": {"prefix": "/"}, "direct_response": answer}


def _configuration(name: str, entries: Iterable[Json]) -> Json:
    """`validate_clusters`: without it Envoy acknowledges a route to an unknown cluster and serves 503."""
    host: Json = {
        "name": name,
        "domains": ["*"],
        "routes": list(entries),
        "request_headers_to_remove": ["x-ferryman-shadow"],
    }
    return {
        "@type": f"{TYPE}envoy.config.route.v3.RouteConfiguration",
        "name": name,
        "validate_clusters": True,
        "virtual_hosts": [host],
    }

"""What is sent to Envoy, compared with files that a person has read."""

import json
from pathlib import Path

import pytest

from ferryman.model.errors import Rejected
from ferryman.model.world import Endpoint, Listener, Match
from ferryman.routers.envoy import boot, clusters, listeners, names, routes
from unit.golden import Golden
from unit.routers.tables import HOST, canary

FILES = Path(__file__).parent / "golden"
TREE = Path("/var/lib/ferryman/envoy/xds")


def text(value: object) -> str:
    return json.dumps(value, indent=1, sort_keys=True) + "\n"


def test_the_files_of_a_canary(golden: Golden) -> None:
    table = canary()
    golden(FILES / "canary_routes.json", text(routes.routes(table)))
    golden(FILES / "canary_preview.json", text(routes.preview_routes(table)))
    golden(FILES / "canary_listeners.json", text(listeners.listeners(TREE, table.service, table.listener)))
    golden(FILES / "canary_cluster.json", text(clusters.cluster(TREE, "shop--r2")))
    spots = [clusters.address(spot) for spot in table.endpoints["r1"]]
    golden(FILES / "canary_endpoints.json", text(clusters.assignment("shop--r1", spots)))


def test_the_bootstrap(golden: Golden) -> None:
    golden(FILES / "bootstrap.json", text(boot.bootstrap(TREE, Path("/var/lib/ferryman/envoy/admin.sock"))))


def test_the_growing_revision_comes_first() -> None:
    assert routes.weights(canary()) == [("r2", 500), ("r1", 9500)]
    assert routes.weights(canary(weights={"r1": 0.0, "r0": 99.9, "r2": 0.1})) == [("r2", 10), ("r0", 9990)]
    assert routes.weights(canary(weights={"b": 33.3, "a": 33.3, "c": 33.4}, first=None)) == [
        ("a", 3330),
        ("b", 3330),
        ("c", 3340),
    ]


@pytest.mark.parametrize("weights", [{"r1": 99.0}, {"r1": 60.0, "r2": 50.0}, {"r1": 110.0, "r2": -10.0}])
def test_weights_that_are_no_split_are_refused(weights: dict[str, float]) -> None:
    with pytest.raises(Rejected, match="do not sum to 100"):
        routes.routes(canary(weights=weights))


def test_a_match_without_an_instance_is_not_routed() -> None:
    table = canary(matches=(Match("header", "x", None, "r9"), Match("header", "y", None, "r2")))
    assert [match.name for match in routes.served_matches(table)] == ["y"]


@pytest.mark.parametrize("preview", [None, "r9"])
def test_a_preview_of_nothing_says_so(preview: str | None) -> None:
    (host,) = routes.preview_routes(canary(preview=preview))["virtual_hosts"]
    assert host["routes"][0]["direct_response"]["status"] == 503


def test_without_a_release_to_stick_to_there_is_no_cookie() -> None:
    assert routes.sticky_cookie(canary()) == "fm_release-1"
    assert routes.sticky_cookie(canary(sticky_id="a b;c")) == "fm_a_b_c"
    assert routes.sticky_cookie(canary(sticky_id="")) is None
    assert routes.sticky_cookie(canary(listener=Listener(1, sticky_key="x-user"))) is None
    assert "set-cookie" not in text(routes.routes(canary(sticky_id="")))


def test_no_answer_of_a_version_is_asked_for_again() -> None:
    (host,) = routes.routes(canary())["virtual_hosts"]
    policies = {entry["route"]["retry_policy"]["retry_on"] for entry in host["routes"]}
    assert policies == {"connect-failure,refused-stream"}


@pytest.mark.parametrize("name", ["", "a.b", "a/b", "../a", "a b", "-a", "x" * 64])
def test_a_name_that_statistics_or_files_cannot_carry_is_refused(name: str) -> None:
    with pytest.raises(Rejected, match="cannot be routed"):
        names.check_names(canary(service=name))
    with pytest.raises(Rejected, match="cannot be routed"):
        names.check_names(canary(endpoints={name: (Endpoint("a", HOST, 1),)}))


def test_a_revision_name_may_not_hold_the_separator() -> None:
    names.check_names(canary(service="shop--eu"))
    with pytest.raises(Rejected, match="a--b"):
        names.check_names(canary(preview="a--b"))


@pytest.mark.parametrize("service", ["shop", "shop--eu", "a"])
def test_names_lead_back_to_their_service(service: str) -> None:
    assert names.owner_of(names.cluster_name(service, "r1")) == service
    assert names.owner_of(names.listener_name(service, 80)) == service
    assert names.owner_of(names.listener_name(service, 80, preview=True)) == service
    assert names.revision_of(names.cluster_name(service, "r1")) == "r1"


def test_addresses_survive_their_way_into_a_file() -> None:
    addresses = {(HOST, 3), (HOST, 1), ("::1", 2)}
    assert clusters.addresses_in(clusters.assignment("x", addresses)) == addresses
    assert clusters.assignment("x", sorted(addresses)) == clusters.assignment("x", sorted(addresses, reverse=True))

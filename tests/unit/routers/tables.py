"""Route tables that tests of the Envoy builders share."""

from ferryman.model.world import Endpoint, Listener, Match, RouteTable

HOST = "127.0.0.1"


def canary(**fields: object) -> RouteTable:
    """A canary at 5 %, sticky by cookie, with testers and a preview; `fields` replace its own."""
    own: dict[str, object] = {
        "service": "shop",
        "listener": Listener(port=8080, preview_port=8081, sticky_key="cookie"),
        "weights": {"r1": 95.0, "r2": 5.0},
        "endpoints": {
            "r1": (Endpoint("a", HOST, 9001), Endpoint("b", HOST, 9002)),
            "r2": (Endpoint("c", HOST, 9003),),
        },
        "matches": (Match("header", "x-tester", "yes", "r2"), Match("cookie", "beta", "1", "r2")),
        "preview": "r2",
        "sticky_id": "release-1",
        "first": "r2",
    }
    return RouteTable(**own | fields)  # type: ignore[arg-type]

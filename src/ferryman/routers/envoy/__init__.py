"""The embedded Envoy: one proxy for all services of a state folder, configured by files.

Pure: `names`, `boot`, `evidence`, `clusters`, `routes`, `listeners`, `planning` build what is sent.
Thin: `files`, `records` keep it on disk, `admin`, `acks` talk to Envoy, `process`, `supervisor` keep it running,
`adapter` puts them behind `routers.base.Router`.
"""

from ferryman.routers.envoy.adapter import EnvoyRouter

__all__ = ["EnvoyRouter"]

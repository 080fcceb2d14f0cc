"""From a user to a bucket, as the evaluators do it."""

from __future__ import annotations

from ferryman.flags.definition import Hash, Rollout
from ferryman.flags.slots import BUCKETS
from ferryman_flags.hashing import bucket, hash_v2, hash_v3


def bucket_of(rollout: Rollout, value: str) -> int:
    """The bucket, 0 to `BUCKETS` - 1, of the user who has `value` for the attribute that the rollout goes by."""
    text = f"{rollout.seed}.{value}"
    return bucket(hash_v3(text) if rollout.hash is Hash.V3 else hash_v2(text), BUCKETS)

"""gRPC for unmodified clients of flagd: evaluation v1 and v2, and sync v1 (docs/reference/flagd.md). With the extra `flagd`."""

"""Who may write, and what may be appended: the rules that every adapter applies within its transaction."""

from __future__ import annotations

from ferryman.model.errors import Conflict
from ferryman.model.rollout import Service
from ferryman.store.base import Lease
from ferryman.store.chain import genesis
from ferryman.store.records import Head, Write


def check_claim(service: str, owner: str, seconds: float) -> None:
    """Raises ValueError for a claim that makes no sense."""
    if not service or not owner:
        raise ValueError(f"a lease needs a service and an owner, not {service!r} and {owner!r}")
    if not seconds > 0:
        raise ValueError(f"a lease must last more than 0 seconds, not {seconds}")


def claimed(head: Head | None, service: str, owner: str, now: float, seconds: float) -> Head:
    """The head of a stream after a claim; `head` None: the stream is new. Raises `Conflict` (code ``lease_held``)."""
    until = float(now + seconds)
    if head is None:
        return Head(0, genesis(service), 1, owner, until)
    if head.owner == owner:
        return head._replace(until=until)
    if head.owner and now < head.until:
        raise Conflict(
            "lease_held",
            f"{head.owner} holds the lease of service {service!r} for another {head.until - now:.1f} s (until {head.until})",
            "wait until then, or end that controller",
        )
    return head._replace(fence=head.fence + 1, owner=owner, until=until)


def holds(head: Head | None, lease: Lease) -> bool:
    """Whether a lease is the one in force. Its time does not count: see `Lease`."""
    return head is not None and head.fence == lease.fence and head.owner == lease.owner


def released(head: Head) -> Head:
    """The head after its lease was given back; the fence stays, so that the next holder gets a higher one."""
    return head._replace(owner="", until=0.0)


def check_append(head: Head | None, write: Write) -> Head:
    """The head that a write continues. Raises `Conflict`: code ``stale_fence`` or ``stale_seq``."""
    lease = write.lease
    if head is None or not holds(head, lease):
        now = "nobody" if head is None or not head.owner else f"{head.owner} (fence {head.fence})"
        raise Conflict(
            "stale_fence",
            f"{lease.owner} (fence {lease.fence}) no longer holds the lease of service {lease.service!r}: {now} does",
            "claim it again and load the service before writing",
        )
    if head.seq != write.expected_seq:
        raise Conflict(
            "stale_seq",
            f"service {lease.service!r} is at event {head.seq}, not at {write.expected_seq}",
            "load the service again and decide anew",
        )
    return head


def snapshot_due(snapshot: Service, kept_seq: int | None, every_events: int) -> bool:
    """Whether a snapshot is to be kept, the last one kept being of event `kept_seq` (None: unknown). One at rest always
    is: most services are, and they are loaded without a fold then."""
    resting = snapshot.current is None or snapshot.current.phase.terminal
    return resting or kept_seq is None or snapshot.seq - kept_seq >= every_events

"""The event log in memory: for tests and simulations, with the rules, the encoding and the hash chain of the real ones.

What was written outlives `close`: the object stands for the disk, and whoever opens it again finds it as it was.
"""

from __future__ import annotations

from bisect import bisect_right, insort
from collections.abc import Callable, Iterator
from operator import attrgetter

from ferryman.model.event import RolloutCreated
from ferryman.model.rollout import Service
from ferryman.store import records, replay, rules
from ferryman.store.base import (
    MEASURED_ROLLOUTS_MAX,
    MEASUREMENTS_PER_ROLLOUT_MAX,
    Append,
    Fold,
    Lease,
    Loaded,
    Measurement,
    OnAppend,
    StoredEvent,
)
from ferryman.store.chain import seal
from ferryman.store.errors import closed
from ferryman.store.memory_journal import MemoryJournal
from ferryman.store.memory_tallies import MemoryTallies
from ferryman.store.records import Head, Kept, Record, Sample
from ferryman.store.replay import Placed
from ferryman.store.subscribers import Subscribers


class MemoryStore(MemoryJournal, MemoryTallies):
    """`Store` in this process alone. `fold` as for the store on a file. To be used from one event loop at a time."""

    def __init__(self, fold: Fold | None = None) -> None:
        super().__init__()
        self._fold = fold
        self._subscribers = Subscribers()
        self._is_open = False
        self._log: list[Record] = []
        self._positions: dict[str, list[int]] = {}
        self._heads: dict[str, Head] = {}
        self._snapshots: dict[str, Kept] = {}
        self._judge_states: dict[str, str] = {}
        self._samples: dict[str, dict[str, list[Sample]]] = {}

    @property
    def waiting(self) -> int:
        return 0

    async def open(self) -> None:
        self._is_open = True

    async def claim(self, service: str, owner: str, now: float, seconds: float) -> Lease:
        rules.check_claim(service, owner, seconds)
        self._check_open()
        head = rules.claimed(self._heads.get(service), service, owner, now, seconds)
        self._heads[service] = head
        return Lease(service, owner, head.fence, head.until)

    async def release(self, lease: Lease) -> None:
        self._check_open()
        head = self._heads.get(lease.service)
        if head is not None and rules.holds(head, lease):
            self._heads[lease.service] = rules.released(head)

    async def end_leases(self) -> None:
        self._check_open()
        self._heads = {service: rules.released(head) for service, head in self._heads.items()}

    async def append(self, append: Append) -> tuple[StoredEvent, ...]:
        write = records.prepare(append)
        self._check_open()
        service = write.lease.service
        head = rules.check_append(self._heads.get(service), write)
        sealed = seal(write, head.last_hash)
        told: list[StoredEvent] = []
        for record, entry in zip(sealed, write.entries, strict=True):
            self._log.append(record)
            position = len(self._log)
            self._positions.setdefault(service, []).append(position)
            told.append(records.appended(position, record, entry.copy))
        if sealed:
            self._heads[service] = head._replace(seq=write.seq, last_hash=sealed[-1].hash)
        if write.snapshot is not None:
            self._snapshots[service] = Kept(write.seq, records.checksum(write.snapshot), write.snapshot)
        if write.judge_state is not None:
            self._judge_states[service] = write.judge_state
        for sample in write.samples:
            self._put_sample(service, sample)
        self._subscribers.tell(tuple(told))
        return tuple(told)

    async def load(self, service: str) -> Loaded:
        self._check_open()
        head = self._heads.get(service)
        if head is None:
            return Loaded(Service(name=service), None)
        kept = self._snapshots.get(service)
        state = replay.state(service, head, kept, lambda after: self._stream(service, after), self._fold)
        return Loaded(state, self._judge_states.get(service))

    async def load_all(self) -> tuple[Loaded, ...]:
        return tuple([await self.load(service) for service in await self.services()])

    async def services(self) -> tuple[str, ...]:
        self._check_open()
        return tuple(sorted(self._positions))

    async def events(
        self, service: str | None = None, *, after: int = 0, limit: int = 1000, rollout: str | None = None
    ) -> tuple[StoredEvent, ...]:
        records.check_page(limit)
        self._check_open()
        found: list[StoredEvent] = []
        for position in self._places(service, after):
            record = self._log[position - 1]
            if rollout is None or record.rollout == rollout:
                found.append(records.stored(position, record))
                if len(found) == limit:
                    break
        return tuple(found)

    async def newest(
        self, service: str | None = None, *, limit: int = 10, before: int | None = None, rollout: str | None = None
    ) -> tuple[StoredEvent, ...]:
        records.check_page(limit)
        self._check_open()
        places = [place for place in self._places(service, 0) if before is None or place < before]
        if rollout is not None:
            places = [place for place in places if self._log[place - 1].rollout == rollout]
        return tuple(records.stored(place, self._log[place - 1]) for place in places[-limit:])

    async def created(
        self, service: str | None = None, *, limit: int = 10, before: int | None = None
    ) -> tuple[StoredEvent, ...]:
        records.check_page(limit)
        self._check_open()
        places = [p for p in self._places(service, 0) if self._log[p - 1].kind == RolloutCreated.__struct_config__.tag]
        wanted = [place for place in places if before is None or place < before][-limit:]
        return tuple(records.stored(place, self._log[place - 1]) for place in wanted)

    async def latest_at(self) -> float:
        self._check_open()
        measured = (samples[-1].at for of in self._samples.values() for samples in of.values())
        return max([0.0, *(record.at for record in self._log[-1:]), *measured])

    async def measurements(self, rollout: str, *, after_at: float = 0.0, limit: int = 1000) -> tuple[Measurement, ...]:
        records.check_page(limit)
        self._check_open()
        found = [sample for of in self._samples.values() for sample in of.get(rollout, ()) if sample.at > after_at]
        found.sort(key=attrgetter("at"))
        return tuple(records.measurement(sample) for sample in found[:limit])

    async def verify(self, service: str) -> int:
        self._check_open()
        head = self._heads.get(service)
        if head is None:
            return 0
        return replay.verify(service, head, self._snapshots.get(service), self._stream(service, 0), self._fold)

    def on_append(self, callback: OnAppend) -> Callable[[], None]:
        return self._subscribers.add(callback)

    async def close(self) -> None:
        self._is_open = False

    def _check_open(self) -> None:
        if not self._is_open:
            raise closed("in memory")

    def _places(self, service: str | None, after: int) -> range | list[int]:
        """Positions > `after`, of a service or of all."""
        if service is None:
            return range(max(after, 0) + 1, len(self._log) + 1)
        positions = self._positions.get(service, [])
        return positions[bisect_right(positions, after) :]

    def _stream(self, service: str, after_seq: int) -> Iterator[Placed]:
        for position in self._positions.get(service, [])[after_seq:]:
            yield position, self._log[position - 1]

    def _put_sample(self, service: str, sample: Sample) -> None:
        """Keep a measurement, and drop what the two limits no longer cover."""
        rollouts = self._samples.setdefault(service, {})
        insort(rollouts.setdefault(sample.rollout, []), sample, key=attrgetter("at"))
        while len(rollouts) > MEASURED_ROLLOUTS_MAX:
            del rollouts[next(iter(rollouts))]
        if len(rollouts[sample.rollout]) > MEASUREMENTS_PER_ROLLOUT_MAX:
            del rollouts[sample.rollout][0]

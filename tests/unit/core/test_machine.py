"""People and faults in any order, at any time. Nothing but a refusal is ever raised, the promises of the playbook hold at
every step (Invariants 1, 4, 5, 10), and when the faults stop everything ends in bounded time (Invariant 11)."""

from __future__ import annotations

from typing import Any

import msgspec
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from ferryman.core.approving import approve, deny
from ferryman.core.evolve import evolve
from ferryman.core.freezing import freeze, unfreeze
from ferryman.core.phases import Verb
from ferryman.core.standing import ours_to_resume
from ferryman.core.verbs import legal_now, subject
from ferryman.model.errors import Refused
from ferryman.model.event import RolloutEnded
from ferryman.model.plan import Phase
from ferryman.model.release import (
    Amount,
    Analyse,
    Analysis,
    Approval,
    Approvals,
    Approve,
    BlueGreen,
    Check,
    Deadlines,
    Pause,
    Recreate,
    Rolling,
    Route,
    Routing,
    RunCheck,
    Scale,
    SetWeight,
    Strategy,
)
from ferryman.model.rollout import Service
from ferryman.model.seen import LIVE_STATES, InstanceState
from unit.playbook import Book, canary, release

TICKS_MAX = 700
LABELS = ("v1", "v2", "v3", "v4")
SMOKE = Check(name="smoke", http_path="/smoke")
STEPS = (
    (SetWeight(25, 5), SetWeight(50, 5)),
    (SetWeight(10, 5), Pause(3), SetWeight(60), Analyse(2)),
    (SetWeight(20), Approve(Approval(2, "operator", 30.0)), SetWeight(60, 5)),
    (Route("header", "x", "1"), Pause(2), Scale(Amount(2)), SetWeight(50), Scale(), RunCheck(SMOKE)),
)
STRATEGIES: tuple[Strategy, ...] = (
    Rolling(),
    Rolling(Amount(0), Amount(1)),
    Rolling(Amount(2), Amount(0), bake_seconds=4.0),
    Rolling(None, None, 50.0, 150.0),
    Recreate(),
    BlueGreen(bake_seconds=4.0, scale_down_delay_seconds=5.0, checks_before=(SMOKE,)),
    BlueGreen(auto_promote=False, bake_seconds=0.0, scale_down_delay_seconds=None, preview_replicas=Amount(1)),
    *(canary(*steps, analysed=True, bake_seconds=4.0, scale_down_delay_seconds=4.0) for steps in STEPS),
    canary(*STEPS[0], stable="dynamic"),
)
DEADLINES = Deadlines(progress_seconds=25.0, abort_scale_down_seconds=3.0)
ANALYSIS = Analysis(min_wait_seconds=8.0, on_error="rollback")
APPROVALS = Approvals(Approval(1, "operator", 40.0), Approval(2, "admin", 40.0))
FAULTS = ("never_ready", "crashing")


class Production(RuleBasedStateMachine):
    """One service through everything."""

    def __init__(self) -> None:
        super().__init__()
        self.book = Book()

    @initialize(strategy=st.sampled_from(STRATEGIES), replicas=st.integers(2, 4))
    def first(self, strategy: Strategy, replicas: int) -> None:
        self._deploy("v0", strategy, replicas, routed=True)
        self.book.run()

    # ---- people
    @rule(
        label=st.sampled_from(LABELS),
        strategy=st.sampled_from(STRATEGIES),
        replicas=st.integers(2, 4),
        routed=st.booleans(),
    )
    def deploy(self, label: str, strategy: Strategy, replicas: int, routed: bool) -> None:
        self._asked(lambda: self._deploy(label, strategy, replicas, routed=routed or replicas == 2))

    @rule(verb=st.sampled_from([v for v in Verb if v not in (Verb.DEPLOY, Verb.UNDO)]), full=st.booleans())
    def verb(self, verb: Verb, full: bool) -> None:
        self._asked(lambda: self.book.verb(verb, full=full and verb is Verb.RETRY))

    @rule(to=st.sampled_from((None, None, *LABELS)), with_steps=st.booleans(), force=st.booleans())
    def undo(self, to: str | None, with_steps: bool, force: bool) -> None:
        self._asked(lambda: self.book.undo(to=to, with_steps=with_steps, force=force))

    @rule(seconds=st.sampled_from((None, 5.0, 30.0)), rollback=st.booleans(), lift=st.booleans())
    def freeze(self, seconds: float | None, rollback: bool, lift: bool) -> None:
        book = self.book
        until = None if seconds is None else book.now + seconds
        if lift:
            self._asked(lambda: book.take(unfreeze(book.service, actor="ana")))
        else:
            self._asked(
                lambda: book.take(
                    freeze(book.service, actor="ana", now=book.now, reason="fair", until=until, rollback=rollback)
                )
            )

    @rule(
        actor=st.sampled_from(("ana", "ben", "cem")),
        role=st.sampled_from(("operator", "admin", "viewer")),
        yes=st.sampled_from((True, True, True, False)),
    )
    def approve(self, actor: str, role: str, yes: bool) -> None:
        ask = approve if yes else deny
        self._asked(lambda: self.book.take(ask(self.book.service, actor=actor, role=role, now=self.book.now)))

    @rule(dice=st.integers(0, 9))
    def down(self, dice: int) -> None:
        if dice == 0:
            self.book.down()

    # ---- time
    @rule(ticks=st.integers(1, 8))
    def wait(self, ticks: int) -> None:
        for _ in range(ticks):
            self.book.tick()

    @rule(ticks=st.integers(20, 40))
    def wait_long(self, ticks: int) -> None:
        for _ in range(ticks):
            self.book.tick()

    @rule(seconds=st.sampled_from((-120.0, -1.0, 45.0)))
    def clock_steps(self, seconds: float) -> None:
        self.book.tick(seconds)

    # ---- faults
    @rule(label=st.sampled_from(("v0", *LABELS)), kind=st.sampled_from(FAULTS), on=st.booleans())
    def starts_fail(self, label: str, kind: str, on: bool) -> None:
        found: set[str] = getattr(self.book, kind)
        (found.add if on else found.discard)(label)

    @rule(
        label=st.sampled_from(("v0", *LABELS)),
        count=st.integers(1, 4),
        state=st.sampled_from((InstanceState.FAILED, InstanceState.UNREADY)),
    )
    def lose(self, label: str, count: int, state: InstanceState) -> None:
        self.book.crash(label, count, state)

    @rule(verdict=st.sampled_from(("continue", "pass", "pass", "fail", "insufficient", "error")), follows=st.booleans())
    def judge(self, verdict: str, follows: bool) -> None:
        if self.book.service.current is not None:
            self.book.judge(verdict, follows=follows)

    @rule(missing=st.booleans())
    def evidence(self, missing: bool) -> None:
        if self.book.service.current is not None:
            (self.book.evidence_is_missing if missing else self.book.evidence_is_back)()

    @rule(outcome=st.sampled_from(("passed", "failed")))
    def checks(self, outcome: str) -> None:
        self.book.check_outcome = outcome

    # ---- always
    @invariant()
    def the_state_survives_being_written_down(self) -> None:
        service = self.book.service
        assert msgspec.json.decode(msgspec.json.encode(service), type=Service) == service

    @invariant()
    def legal_verbs_are_not_refused_for_the_phase(self) -> None:
        service, about = self.book.service, subject(self.book.service)
        paused = about is not None and about.phase is Phase.PAUSED and ours_to_resume(about)
        assert ("resume" in legal_now(service)) == (paused and self._up())

    def _up(self) -> bool:
        return not self.book.service.down or bool(self.book.service.queue)

    def teardown(self) -> None:
        """Invariant 11."""
        book = self.book
        folded = Service(name="shop")
        for event in book.events:
            folded = evolve(folded, event)
        assert folded == book.service
        book.never_ready.clear()
        book.crashing.clear()
        book.evidence_is_back()
        for instance in list(book.instances.values()):
            if instance.state is InstanceState.UNREADY:
                book.instances[instance.id] = msgspec.structs.replace(instance, state=InstanceState.READY)
        for _ in range(TICKS_MAX):
            self._calm()
            book.tick()
            if self._over():
                break
        else:
            raise AssertionError(f"never ended: {subject(book.service)} {book.story()}")
        ends = [e.rollout for e in book.events if isinstance(e.body, RolloutEnded)]
        begun = book.service.rollouts
        assert len(set(ends)) <= begun
        self._whole()

    def _calm(self) -> None:
        """A person who answers when asked, no freeze, and a judge that is content."""
        self.book.take(unfreeze(self.book.service, actor="ana"))
        about = subject(self.book.service)
        if about is not None and about.phase is Phase.PAUSED and about.pause and about.pause.until is None:
            answer = (Verb.FULL, Verb.RESUME, Verb.ABORT)[len(self.book.events) % 3]
            self._asked(lambda: self.book.verb(answer))
        if about is not None and about.id == getattr(self.book.service.current, "id", ""):
            self.book.judge("pass", follows=True)

    def _over(self) -> bool:
        service = self.book.service
        current = service.current
        return not service.queue and (current is None or current.phase.terminal)

    def _whole(self) -> None:
        """What stands is what runs, and nothing else does."""
        book = self.book
        for _ in range(150):
            book.tick()
        wanted = {} if book.service.down else {r: n for r, n in book.service.steady.instances.items() if n}
        live = [i for i in book.instances.values() if i.state in LIVE_STATES]
        found = {
            r: sum(i.revision == r and i.state is InstanceState.READY for i in live) for r in {i.revision for i in live}
        }
        assert found == wanted
        if book.service.steady.listener is not None and wanted:
            assert book.routes.weights == book.service.steady.weights

    # ---- inside
    def _deploy(self, label: str, strategy: Strategy, replicas: int, *, routed: bool) -> None:
        routing = Routing(port=8080, preview_port=8081) if routed else Routing()
        asked = APPROVALS if label == LABELS[-1] else Approvals()
        made = release(
            label,
            strategy=strategy,
            replicas=replicas,
            routing=routing,
            deadlines=DEADLINES,
            analysis=ANALYSIS,
            approvals=asked,
        )
        self.book.deploy(made)

    def _asked(self, ask: Any) -> None:
        before = self.book.service
        try:
            ask()
        except Refused:
            assert self.book.service == before


TestProduction = Production.TestCase
TestProduction.settings = settings(
    max_examples=12,
    stateful_step_count=40,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)

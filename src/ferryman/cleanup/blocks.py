"""Statements whose condition is settled: the branch that is taken moves out, what can never run goes, comments stay."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import libcst as cst

from ferryman.cleanup.truth import Truth

Statement = cst.BaseStatement
Lines = tuple[cst.EmptyLine, ...]

_LEAVES = (cst.Return, cst.Raise, cst.Continue, cst.Break)


class Taken(NamedTuple):
    """What stands where a statement stood: comments above, statements, comments below."""

    above: Lines
    statements: tuple[Statement, ...]
    below: Lines


class _Arm(NamedTuple):
    test: cst.BaseExpression | None
    above: Lines
    node: cst.If | cst.Else


def conditional(node: cst.If, truth: Truth) -> Taken | None:
    """An ``if`` with all that follows it, or None if the flag settles none of its conditions."""
    arms = _arms(node)
    if not any(arm.test is not None and truth.known(arm.test) for arm in arms):
        return None
    kept: list[_Arm] = []
    comments: list[cst.EmptyLine] = []  # above arms that go
    last: _Arm | None = None
    for arm in arms:
        certain = True if arm.test is None else truth.of(arm.test)
        above = (*comments, *arm.above)
        if certain is False:
            comments = list(above)
            continue
        comments = []
        if certain:
            last = arm._replace(above=above)
            break
        kept.append(arm._replace(above=above))
    if not kept:
        if last is None:
            return Taken(tuple(comments), (), ())
        taken = opened(last.node.body)
        return taken._replace(above=(*last.above, *_header(last.node.body), *taken.above))
    return Taken((), (_chain(kept, last),), tuple(comments))


def loop(node: cst.While, truth: Truth) -> Taken | None:
    """A ``while`` that never runs: its ``else`` is what happens."""
    if truth.of(node.test) is not False:
        return None
    above = tuple(node.leading_lines)
    if node.orelse is None:
        return Taken(above, (), ())
    taken = opened(node.orelse.body)
    return taken._replace(above=(*above, *taken.above))


def opened(body: cst.BaseSuite) -> Taken:
    """The statements of a block, as they stand one level further out."""
    if isinstance(body, cst.IndentedBlock):
        return Taken((), tuple(each for each in body.body if not _is_pass(each)), _comments(body.footer))
    assert isinstance(body, cst.SimpleStatementSuite)
    if all(isinstance(each, cst.Pass) for each in body.body):
        return Taken((), (), ())
    return Taken((), (cst.SimpleStatementLine(body.body, trailing_whitespace=body.trailing_whitespace),), ())


def leaves(statement: Statement) -> bool:
    """Whether nothing after this statement in its block can run."""
    if isinstance(statement, cst.SimpleStatementLine):
        return isinstance(statement.body[-1], _LEAVES)
    if isinstance(statement, cst.If) and statement.orelse is not None:
        return all(_leaves(arm.node.body) for arm in _arms(statement)) and _arms(statement)[-1].test is None
    return False


class Rebuilt:
    """The body of a block, written anew statement by statement. Comments of what went stay above what comes next."""

    def __init__(self) -> None:
        self.body: list[Statement] = []
        self._lines: list[cst.EmptyLine] = []
        self._shortened = False

    def lines(self, lines: Sequence[cst.EmptyLine]) -> None:
        """Lines of something that went."""
        self._lines += lines
        self._shortened = True

    def keep(self, statement: Statement) -> None:
        """A statement, below the lines that are waiting."""
        own = list(getattr(statement, "leading_lines", ()))
        if self._lines:
            while own and own[0].comment is None and self._lines[-1].comment is None:
                own.pop(0)  # blank lines do not pile up
            own = [*self._lines, *own]
        if self._shortened and not self.body:
            while own and own[0].comment is None:
                own.pop(0)  # no block begins with blank lines
        self.body.append(statement.with_changes(leading_lines=own) if self._shortened else statement)
        self._lines, self._shortened = [], False

    def footer(self, own: Sequence[cst.EmptyLine]) -> tuple[cst.EmptyLine, ...]:
        """What stands below the last statement."""
        lines = [*self._lines, *own]
        return tuple(lines) if any(line.comment for line in lines) or not self._shortened else ()


def _arms(node: cst.If) -> list[_Arm]:
    arms: list[_Arm] = []
    rest: cst.If | cst.Else | None = node
    while rest is not None:
        test = rest.test if isinstance(rest, cst.If) else None
        arms.append(_Arm(test, tuple(rest.leading_lines), rest))
        rest = rest.orelse if isinstance(rest, cst.If) else None
    return arms


def _chain(kept: list[_Arm], last: _Arm | None) -> Statement:
    made: cst.If | cst.Else | None = None
    if last is not None:
        made = (
            last.node.with_changes(leading_lines=last.above)
            if isinstance(last.node, cst.Else)
            else cst.Else(last.node.body, leading_lines=last.above)
        )
        if _does_nothing(made.body):
            made = None
    for arm in reversed(kept):
        made = arm.node.with_changes(orelse=made, leading_lines=arm.above)
    assert isinstance(made, cst.If)
    return made


def _does_nothing(body: cst.BaseSuite) -> bool:
    taken = opened(body)
    return not taken.statements and not taken.below and not _header(body)


def _header(body: cst.BaseSuite) -> Lines:
    """The comment at the end of the line that opened a block."""
    if isinstance(body, cst.IndentedBlock) and body.header.comment is not None:
        return (cst.EmptyLine(comment=body.header.comment),)
    return ()


def _comments(lines: Sequence[cst.EmptyLine]) -> Lines:
    return tuple(line.with_changes(indent=True) for line in lines) if any(line.comment for line in lines) else ()


def _is_pass(statement: Statement) -> bool:
    return (
        isinstance(statement, cst.SimpleStatementLine)
        and all(isinstance(each, cst.Pass) for each in statement.body)
        and not statement.leading_lines
        and statement.trailing_whitespace.comment is None
    )


def _leaves(body: cst.BaseSuite) -> bool:
    if isinstance(body, cst.IndentedBlock):
        return bool(body.body) and leaves(body.body[-1])
    assert isinstance(body, cst.SimpleStatementSuite)
    return isinstance(body.body[-1], _LEAVES)

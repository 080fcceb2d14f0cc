"""One file with a flag's value in the place of every call that asks for it, and all that follows from that folded."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import libcst as cst
from libcst.metadata import MetadataWrapper, PositionProvider

from ferryman.cleanup import blocks
from ferryman.cleanup.blocks import Taken
from ferryman.cleanup.places import Place, place
from ferryman.cleanup.scopes import Scope, assigned_name, fixed_names, scope
from ferryman.cleanup.truth import Truth, Value


class Remark(NamedTuple):
    """Something a person should know about a line of the file as it was."""

    line: int
    text: str


class Folded(NamedTuple):
    """The file afterwards; with `dangers` it must not be used."""

    content: bytes
    dangers: tuple[Remark, ...]
    notes: tuple[Remark, ...]


def fold(content: bytes, places: Mapping[Place, Value]) -> Folded:
    """The file with the calls at `places` replaced by values. Bytes that do not depend on them stay as they are.

    Raises `libcst.ParserSyntaxError` for what is no Python, and `libcst.CSTValidationError` for the rare expression that
    cannot be written without its call.
    """
    wrapper = MetadataWrapper(cst.parse_module(content))
    folding = _Folding(places)
    module = wrapper.visit(folding)
    return Folded(module.bytes, tuple(sorted(set(folding.dangers))), tuple(sorted(set(folding.notes))))


class _Function(NamedTuple):
    fixed: frozenset[str]
    before: Scope
    changes: int


class _Folding(cst.CSTTransformer):
    METADATA_DEPENDENCIES = (PositionProvider,)

    def __init__(self, places: Mapping[Place, Value]) -> None:
        super().__init__()
        self.dangers: list[Remark] = []
        self.notes: list[Remark] = []
        self._places = places
        self._truth = Truth()
        self._gone: dict[cst.CSTNode, Taken] = {}
        self._elifs: set[cst.CSTNode] = set()
        self._not_read: set[cst.CSTNode] = set()
        self._functions: list[_Function] = []
        self._fixed: list[dict[str, Value]] = []
        self._changes = 0
        self._quote = '"'

    def visit_Module(self, node: cst.Module) -> None:
        if "'" in node.code and node.code.count("'") > node.code.count('"'):
            self._quote = "'"

    # --- expressions ------------------------------------------------------------------------------------------------

    def _place(self, node: cst.CSTNode) -> Place:
        return place(self, node)

    def _settled_value(self, node: cst.CSTNode) -> Value | None:
        if isinstance(node, cst.Await):
            node = node.expression
        return self._places.get(self._place(node)) if isinstance(node, cst.Call) else None

    def leave_Call(self, original_node: cst.Call, updated_node: cst.Call) -> cst.BaseExpression:
        value = self._places.get(self._place(original_node))
        if value is not None:
            self._changes += 1
            return self._truth.replaced(updated_node, value, quote=self._quote)
        match updated_node:
            case cst.Call(func=cst.Name("bool"), args=[cst.Arg(keyword=None, star="", value=asked)]):
                if self._truth.known(asked):
                    return self._truth.replaced(updated_node, bool(self._truth.value(asked)))
            case _:
                pass
        return updated_node

    def leave_Await(self, original_node: cst.Await, updated_node: cst.Await) -> cst.BaseExpression:
        if not self._truth.known(updated_node.expression):
            return updated_node
        return self._truth.replaced(updated_node, self._truth.value(updated_node.expression), quote=self._quote)

    def leave_UnaryOperation(
        self, original_node: cst.UnaryOperation, updated_node: cst.UnaryOperation
    ) -> cst.BaseExpression:
        return self._truth.negation(updated_node)

    def leave_BooleanOperation(
        self, original_node: cst.BooleanOperation, updated_node: cst.BooleanOperation
    ) -> cst.BaseExpression:
        return self._truth.connective(updated_node)

    def leave_Comparison(self, original_node: cst.Comparison, updated_node: cst.Comparison) -> cst.BaseExpression:
        return self._truth.comparison(updated_node)

    def leave_IfExp(self, original_node: cst.IfExp, updated_node: cst.IfExp) -> cst.BaseExpression:
        return self._truth.conditional(updated_node.with_changes(test=self._truth.test(updated_node.test)))

    def leave_CompFor(self, original_node: cst.CompFor, updated_node: cst.CompFor) -> cst.CompFor:
        ifs = [each.with_changes(test=self._truth.test(each.test)) for each in updated_node.ifs]
        return updated_node.with_changes(ifs=[each for each in ifs if self._truth.of(each.test) is not True])

    # --- names that hold nothing but the value ----------------------------------------------------------------------

    def visit_Attribute(self, node: cst.Attribute) -> None:
        self._not_read.add(node.attr)

    def visit_Arg(self, node: cst.Arg) -> None:
        if node.keyword is not None:
            self._not_read.add(node.keyword)

    def visit_AssignTarget(self, node: cst.AssignTarget) -> None:
        self._not_read.add(node.target)

    def visit_AnnAssign(self, node: cst.AnnAssign) -> None:
        self._not_read.add(node.target)

    def visit_MatchKeywordElement(self, node: cst.MatchKeywordElement) -> None:
        self._not_read.add(node.key)

    def leave_Name(self, original_node: cst.Name, updated_node: cst.Name) -> cst.BaseExpression:
        if original_node in self._not_read:
            return updated_node
        for fixed in reversed(self._fixed):
            if original_node.value in fixed:
                return self._truth.replaced(updated_node, fixed[original_node.value], quote=self._quote)
        return updated_node

    # --- statements -------------------------------------------------------------------------------------------------

    def visit_If(self, node: cst.If) -> None:
        if isinstance(node.orelse, cst.If):
            self._elifs.add(node.orelse)

    def leave_If(self, original_node: cst.If, updated_node: cst.If) -> cst.If:
        made = updated_node.with_changes(test=self._truth.test(updated_node.test))
        if original_node not in self._elifs:
            taken = blocks.conditional(made, self._truth)
            if taken is not None:
                self._gone[made] = taken
        return made

    def leave_While(self, original_node: cst.While, updated_node: cst.While) -> cst.While:
        made = updated_node.with_changes(test=self._truth.test(updated_node.test))
        taken = blocks.loop(made, self._truth)
        if taken is not None:
            self._gone[made] = taken
        return made

    def leave_Assert(self, original_node: cst.Assert, updated_node: cst.Assert) -> cst.Assert:
        return updated_node.with_changes(test=self._truth.test(updated_node.test))

    def leave_SimpleStatementLine(
        self, original_node: cst.SimpleStatementLine, updated_node: cst.SimpleStatementLine
    ) -> cst.SimpleStatementLine:
        self._remark(original_node, updated_node)
        left = self._left(updated_node.body)
        if not left:
            self._gone[updated_node] = Taken(tuple(updated_node.leading_lines), (), ())
            return updated_node
        return updated_node if len(left) == len(updated_node.body) else updated_node.with_changes(body=left)

    def leave_SimpleStatementSuite(
        self, original_node: cst.SimpleStatementSuite, updated_node: cst.SimpleStatementSuite
    ) -> cst.SimpleStatementSuite:
        left = self._left(updated_node.body)
        if len(left) == len(updated_node.body):
            return updated_node
        return updated_node.with_changes(body=left or [cst.Pass()])

    def _left(self, body: Sequence[cst.BaseSmallStatement]) -> list[cst.BaseSmallStatement]:
        left = [each for each in body if not self._idle(each)]
        if left and len(left) < len(body):
            left[-1] = left[-1].with_changes(semicolon=cst.MaybeSentinel.DEFAULT)
        return left

    def _idle(self, statement: cst.BaseSmallStatement) -> bool:
        """Whether a statement does nothing any more."""
        match statement:
            case cst.Expr(value=value):
                return self._truth.known(value)
            case cst.Assert(test=test):
                return self._truth.of(test) is True
            case cst.Assign() | cst.AnnAssign():
                name = assigned_name(statement)
                fixed = self._fixed[-1] if self._fixed else {}
                return name in fixed and statement.value is not None and self._truth.known(statement.value)
            case _:
                return False

    def leave_IndentedBlock(
        self, original_node: cst.IndentedBlock, updated_node: cst.IndentedBlock
    ) -> cst.IndentedBlock:
        made = self._rebuilt(updated_node.body, cut=True)
        if made is None:
            return updated_node
        if not made.body:
            made.keep(cst.SimpleStatementLine([cst.Pass()]))
        return updated_node.with_changes(body=made.body, footer=made.footer(updated_node.footer))

    def leave_Module(self, original_node: cst.Module, updated_node: cst.Module) -> cst.Module:
        made = self._rebuilt(updated_node.body, cut=False)
        if made is None:
            return updated_node
        return updated_node.with_changes(body=made.body, footer=made.footer(updated_node.footer))

    def _rebuilt(self, body: Sequence[cst.BaseStatement], *, cut: bool) -> blocks.Rebuilt | None:
        """The statements of a block, `cut` behind one that always leaves it; None if nothing changes."""
        if not any(each in self._gone for each in body):
            return None
        made = blocks.Rebuilt()
        for statement in body:
            taken = self._gone.get(statement)
            if taken is None:
                made.keep(statement)
                continue
            made.lines(taken.above)
            for each in taken.statements:
                made.keep(each)
            if taken.below or not taken.statements:
                made.lines(taken.below)
            if cut and taken.statements and blocks.leaves(taken.statements[-1]):
                break
        return made

    def _remark(self, original: cst.SimpleStatementLine, updated: cst.SimpleStatementLine) -> None:
        for statement in updated.body:
            value = getattr(statement, "value", None)
            if value is None or not self._truth.known(value) or self._idle(statement):
                continue
            text = cst.Module([]).code_for_node(statement.with_changes(semicolon=cst.MaybeSentinel.DEFAULT)).strip()
            if isinstance(statement, cst.Return):
                self.notes.append(
                    Remark(self._place(original)[0], f"this is now `{text}`; its callers are as they were")
                )
            elif isinstance(statement, cst.Assign | cst.AnnAssign):
                self.notes.append(Remark(self._place(original)[0], f"this is now `{text}`; what reads it is as it was"))

    # --- functions --------------------------------------------------------------------------------------------------

    def visit_FunctionDef(self, node: cst.FunctionDef) -> None:
        fixed = fixed_names(node, self._settled_value)
        self._fixed.append(fixed)
        self._functions.append(_Function(frozenset(fixed), scope(node), self._changes))

    def leave_FunctionDef(self, original_node: cst.FunctionDef, updated_node: cst.FunctionDef) -> cst.FunctionDef:
        function = self._functions.pop()
        self._fixed.pop()
        if self._changes == function.changes:
            return updated_node
        after, line, name = scope(updated_node), self._place(original_node)[0], original_node.name.value
        if function.before.yields and not after.yields:
            self.dangers.append(Remark(line, f"{name} would be no generator any more: no `yield` is left in it"))
        if lost := function.before.declared - after.declared:
            text = f"a branch that goes declares {', '.join(sorted(lost))} global or nonlocal for all of {name}"
            self.dangers.append(Remark(line, text))
        unbound = {each for each in function.before.bound if not after.bound[each]} & after.read - function.fixed
        if unbound - function.before.declared:
            text = f"{name} would read {', '.join(sorted(unbound))}, which only a branch that goes assigns"
            self.dangers.append(Remark(line, text))
        return updated_node

"""What an expression is once a flag is a fixed value: folding of conditions, one node at a time.

Only what the flag made certain is folded. A `True` that somebody wrote stays where it is.
"""

from __future__ import annotations

import ast
import json
from typing import Any, TypeVar

import libcst as cst

Value = bool | int | float | str | dict[str, Any] | list[Any]

_E = TypeVar("_E", bound=cst.BaseExpression)
_ATOMS = (cst.Name, cst.Attribute, cst.Call, cst.Subscript, cst.SimpleString, cst.Integer, cst.Float)
_UNKNOWN = object()


def literal(value: Value, *, quote: str = '"') -> cst.BaseExpression:
    """A value as it is written in source; texts in the given quotes where that is possible."""
    if isinstance(value, str):
        text = json.dumps(value, ensure_ascii=False) if quote == '"' else repr(value)
        return cst.SimpleString(text if ast.literal_eval(text) == value else repr(value))
    return cst.parse_expression(repr(value))


class Truth:
    """Expressions whose value the flag settled."""

    def __init__(self) -> None:
        self._values: dict[cst.CSTNode, Value] = {}

    def settle(self, node: _E, value: Value) -> _E:
        """Remember what a node is from now on."""
        self._values[node] = value
        return node

    def known(self, node: cst.CSTNode) -> bool:
        """Whether the flag settled this expression."""
        return node in self._values

    def of(self, node: cst.CSTNode) -> bool | None:
        """Whether the expression is true, None where that is open."""
        return bool(self._values[node]) if node in self._values else None

    def value(self, node: cst.CSTNode) -> Value:
        """The settled value. Raises `KeyError` for an open one."""
        return self._values[node]

    def replaced(self, old: cst.BaseExpression, value: Value, *, quote: str = '"') -> cst.BaseExpression:
        """A literal where `old` stood, in the parentheses of `old`."""
        return self.settle(within(old, literal(value, quote=quote)), value)

    def negation(self, node: cst.UnaryOperation) -> cst.BaseExpression:
        """``not x``."""
        if not isinstance(node.operator, cst.Not):
            return node
        if self.known(node.expression):
            return self.replaced(node, not self._values[node.expression])
        inner = self.test(node.expression)
        return node if inner is node.expression else node.with_changes(expression=inner)

    def connective(self, node: cst.BooleanOperation) -> cst.BaseExpression:
        """``a and b``, ``a or b``, as a value: what is on the right of a settled left side, or the left side itself."""
        left = self.of(node.left)
        if left is None:
            return node
        decides = left is isinstance(node.operator, cst.Or)
        return self._instead(node, node.left if decides else node.right)

    def conditional(self, node: cst.IfExp) -> cst.BaseExpression:
        """``a if test else b``."""
        test = self.of(node.test)
        return node if test is None else self._instead(node, node.body if test else node.orelse)

    def comparison(self, node: cst.Comparison) -> cst.BaseExpression:
        """One comparison with a literal: ``==``, ``!=``, ``is``, ``is not``, ``in``, ``not in``."""
        if len(node.comparisons) != 1:
            return node
        target = node.comparisons[0]
        if not self.known(node.left) and not self.known(target.comparator):
            return node
        left, right = self._constant(node.left), self._constant(target.comparator)
        if left is _UNKNOWN or right is _UNKNOWN:
            return node
        answer = _compare(left, target.operator, right)
        return node if answer is None else self.replaced(node, answer)

    def test(self, node: cst.BaseExpression) -> cst.BaseExpression:
        """An expression of which only the truth matters: ``x and True`` is ``x`` here, and nowhere else."""
        if not isinstance(node, cst.BooleanOperation):
            return node
        left, right = self.test(node.left), self.test(node.right)
        certain = self.of(right)
        if certain is not None:
            if certain is isinstance(node.operator, cst.And):
                return self._instead(node, left)
            if isinstance(left, cst.Name):  # reading a name does nothing else
                return self._instead(node, right)
        if left is node.left and right is node.right:
            return node
        return self.connective(node.with_changes(left=left, right=right))

    def _instead(self, old: cst.BaseExpression, new: cst.BaseExpression) -> cst.BaseExpression:
        made = within(old, new)
        if self.known(new):
            self.settle(made, self._values[new])
        return made

    def _constant(self, node: cst.BaseExpression) -> Any:
        if self.known(node):
            return self._values[node]
        try:
            return ast.literal_eval(cst.Module([]).code_for_node(node).strip())
        except (ValueError, SyntaxError, MemoryError, RecursionError):
            return _UNKNOWN


def within(old: cst.BaseExpression, new: _E) -> _E:
    """`new` in the parentheses of `old`: what binds less tightly than its surroundings stays held together."""
    if not old.lpar:
        return new
    return new.with_changes(lpar=(*old.lpar, *new.lpar), rpar=(*new.rpar, *old.rpar))


def _compare(left: Any, operator: cst.BaseCompOp, right: Any) -> bool | None:
    try:
        match operator:
            case cst.Equal():
                return bool(left == right)
            case cst.NotEqual():
                return bool(left != right)
            case cst.In():
                return bool(left in right)
            case cst.NotIn():
                return bool(left not in right)
            case cst.Is() | cst.IsNot() if isinstance(left, bool) and isinstance(right, bool | None):
                return (left is right) is isinstance(operator, cst.Is)
            case _:
                return None
    except TypeError:
        return None

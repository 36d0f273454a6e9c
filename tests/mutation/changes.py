"""What can go wrong in one place of a module: each small change that somebody could make by mistake.

A change is made to the syntax tree, never to a file. A condition becomes always true or always false, and loses each of
its operands; a boundary moves by one; a value becomes another; an item or a statement is missing. What any test for one
of these notices too (`==` for `!=`, `and` for `or`) is not made.

Left alone are annotations, docstrings, decorators, imports, assertions and `assert_never`, which speak to the type
checker, and wording: a text with a space in it decides nothing.
"""

from __future__ import annotations

import ast
import copy
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, TypeVar

NOTHING = "nothing"
_BOUNDARIES = {ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt}
_FUNCTIONS = {"any": "all", "all": "any", "min": "max", "max": "min", "sorted": "list"}
_METHODS = {"startswith": "endswith", "endswith": "startswith", "fullmatch": "match", "rpartition": "partition"}
_LEFT_ALONE = {"annotation", "returns", "decorator_list", "bases", "ctx"}
_CONDITIONS = {(ast.If, "test"), (ast.IfExp, "test"), (ast.comprehension, "ifs"), (ast.match_case, "guard")}

_Node = TypeVar("_Node", bound=ast.AST)


@dataclass(frozen=True)
class Change:
    """A node, at a field of its parent and in a list at an index, and the one that takes its place.

    `function` is the dotted name of the function or class, `module` outside of any; `lines` run where the node does;
    `before` and `after` are what changes, as text.
    """

    function: str
    lines: range
    before: str
    after: str
    parent: ast.AST
    field: str
    index: int | None
    node: ast.AST

    def make(self) -> None:
        """Change the tree, for good."""
        ast.fix_missing_locations(ast.copy_location(self.node, self.parent))
        if self.index is None:
            setattr(self.parent, self.field, self.node)
        else:
            getattr(self.parent, self.field)[self.index] = self.node


def changes_of(tree: ast.Module) -> list[Change]:
    """Return every change of a module, in the order of its text."""
    members = sorted({ast.unparse(node) for node in ast.walk(tree) if _is_member(node)})
    return list(_below(tree, "module", range(0), members))


def _below(parent: ast.AST, function: str, lines: range, members: list[str]) -> Iterator[Change]:
    for field, value in ast.iter_fields(parent):
        for index, node in enumerate(value) if isinstance(value, list) else [(None, value)]:
            if field in _LEFT_ALONE or not isinstance(node, ast.AST) or _is_left_alone(node, parent):
                continue
            name, run = _name_of(node, function), _lines_of(node) or lines
            for before, after, twin in _twins(node, parent, field, members):
                yield Change(name, run, before, after, parent, field, index, twin)
            yield from _below(node, name, run, members)


def _is_left_alone(node: ast.AST, parent: ast.AST) -> bool:
    match node:
        case ast.Import() | ast.ImportFrom() | ast.Assert() | ast.Expr(value=ast.Constant()):
            return True
        case ast.AnnAssign(annotation=ast.Name(id="TypeAlias")):
            return True
        case ast.match_case(body=[statement]) | (ast.Expr() as statement):
            return "assert_never" in ast.unparse(statement)
        case ast.Constant(value=str(text)):
            return " " in text or (isinstance(parent, ast.JoinedStr) and _is_wording(parent))
        case _:
            return False


def _is_wording(text: ast.JoinedStr) -> bool:
    return any(isinstance(part, ast.Constant) and " " in str(part.value) for part in text.values)


def _name_of(node: ast.AST, function: str) -> str:
    if isinstance(node, ast.FunctionDef | ast.ClassDef):
        return node.name if function == "module" else f"{function}.{node.name}"
    return function


def _lines_of(node: ast.AST) -> range | None:
    """Return the lines of a statement, or of its head where it holds others; None for what is no statement."""
    match node:
        case ast.Match(subject=head) | ast.match_case(pattern=head):
            return range(head.lineno, (head.end_lineno or head.lineno) + 1)
        case ast.stmt():
            inside = getattr(node, "body", None)
            end = inside[0].lineno - 1 if inside else node.end_lineno or node.lineno
            return range(node.lineno, max(node.lineno, end) + 1)
        case _:
            return None


def _twins(node: ast.AST, parent: ast.AST, field: str, members: list[str]) -> Iterator[tuple[str, str, ast.AST]]:
    """Yield what may stand in the place of a node: the text that changes, what it becomes, and the new node."""
    if (type(parent), field) in _CONDITIONS or (_is_condition(node) and not isinstance(parent, ast.BoolOp)):
        for truth in (True, False):
            yield ast.unparse(node), str(truth), ast.Constant(value=truth)
    for twin in _others(node, members):
        yield ast.unparse(node), ast.unparse(twin), twin
    for item, twin in _lacking(node):
        yield ast.unparse(item).strip().split("\n", maxsplit=1)[0], NOTHING, twin


def _is_condition(node: ast.AST) -> bool:
    return isinstance(node, ast.Compare | ast.BoolOp) or (
        isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not)
    )


def _others(node: ast.AST, members: list[str]) -> Iterator[ast.AST]:
    match node:
        case ast.Constant():
            yield from _other_values(node)
        case ast.Call():
            yield from _other_calls(node)
        case ast.Compare(ops=[op]) if type(op) in _BOUNDARIES:
            yield _twin(node, ops=[_BOUNDARIES[type(op)]()])
        case ast.BinOp(op=ast.BitOr() | ast.BitAnd() | ast.Sub(), left=left, right=right):
            yield from (left, right)
        case ast.Return(value=ast.expr() as value) if not isinstance(value, ast.Constant):
            yield ast.Return(value=ast.Constant(value=None))
        case ast.Expr() | ast.Assign(targets=[ast.Subscript()]):
            yield ast.Pass()
        case ast.Attribute() if _is_member(node) and (other := _next_member(node, members)) != ast.unparse(node):
            yield ast.parse(other, mode="eval").body


def _other_values(node: ast.Constant) -> Iterator[ast.AST]:
    match node.value:
        case bool(truth):
            yield ast.Constant(value=not truth)
        case int(number):
            yield ast.Constant(value=number + 1)
        case str(text):
            yield ast.Constant(value=text + "~")
        case _:
            pass


def _other_calls(node: ast.Call) -> Iterator[ast.AST]:
    match node.func:
        case ast.Name(id=name) if name in _FUNCTIONS:
            named = ast.Name(id=_FUNCTIONS[name], ctx=ast.Load())
            yield _twin(node, func=named, keywords=[] if name == "sorted" else node.keywords)
        case ast.Attribute(value=value, attr="lower"):
            yield value
        case ast.Attribute(attr=name) as method if name in _METHODS:
            yield _twin(node, func=_twin(method, attr=_METHODS[name]))


def _lacking(node: ast.AST) -> Iterator[tuple[ast.AST, ast.AST]]:
    """Yield each item that a node could lack, and the node without it."""
    match node:
        case ast.BoolOp(values=items):
            yield from ((item, _fewer(node, "values", item)) for item in items)
        case ast.MatchOr(patterns=items):
            yield from ((item, _fewer(node, "patterns", item)) for item in items)
        case ast.Tuple(elts=items, ctx=ast.Load()) | ast.List(elts=items, ctx=ast.Load()) | ast.Set(elts=items):
            yield from ((item, _twin(node, elts=_without(items, item))) for item in items)
        case ast.Call(keywords=items):
            yield from ((item, _twin(node, keywords=_without(items, item))) for item in items)
        case ast.Match(cases=items):
            told = [item for item in items if not _is_left_alone(item, node)]
            yield from ((item, _twin(node, cases=_without(items, item))) for item in told)
        case ast.Dict(keys=keys, values=values):
            for number, key in enumerate(keys):
                item = key or values[number]
                rest = [place for place in range(len(keys)) if place != number]
                yield item, ast.Dict(keys=[keys[place] for place in rest], values=[values[place] for place in rest])
        case _:
            pass


def _twin(node: _Node, **fields: Any) -> _Node:
    twin = copy.copy(node)
    for name, value in fields.items():
        setattr(twin, name, value)
    return twin


def _without(items: list[_Node], item: _Node) -> list[_Node]:
    return [other for other in items if other is not item]


def _fewer(node: ast.AST, field: str, item: ast.AST) -> ast.AST:
    """Return an operator without one operand, or the other operand where there are two."""
    rest = _without(getattr(node, field), item)
    return rest[0] if len(rest) == 1 else _twin(node, **{field: rest})


def _is_member(node: ast.AST) -> bool:
    """Tell whether this is written as a member of an enumeration, `Reason.ADOPTED`."""
    return isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.attr.isupper()


def _next_member(node: ast.Attribute, members: list[str]) -> str:
    """Return the next member of the enumeration that the module mentions, after the last the first."""
    enumeration = ast.unparse(node).partition(".")[0]
    family = [member for member in members if member.startswith(f"{enumeration}.")]
    return family[(family.index(ast.unparse(node)) + 1) % len(family)]

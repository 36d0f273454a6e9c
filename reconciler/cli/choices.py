"""The options that plan and apply share: which objects, which guards are lifted, and what is approved by name."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

import click

from reconciler.cli.completing import approvals
from reconciler.cli.errors import did_you_mean
from reconciler.cli.group import Option
from reconciler.model.change import Approval
from reconciler.model.diagnostic import Code, Diagnostic, Severity

if TYPE_CHECKING:
    from reconciler.engine import Choices, Settings
    from reconciler.plan import Plan

F = TypeVar("F", bound=Callable[..., Any])
Named: TypeAlias = tuple[Approval, str | None]

_KINDS = ("role", "managed_policy")
CHOICES = ("targets", "destroy", "approve", "allow_self", "allow_mass_delete")


class ApprovalType(click.ParamType):  # type: ignore[type-arg]  # generic only in the newest click
    """`KIND` or `KIND:ADDRESS`."""

    name = "approval"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Named:
        """Return the kind and the address, None for all."""
        kind, colon, address = str(value).partition(":")
        kinds = [known.value for known in Approval]
        if kind not in kinds:
            question = did_you_mean(kind, kinds) or f" The kinds are {', '.join(kinds)}."
            self.fail(f"{kind!r} is not a kind of approval.{question}", param, ctx)
        if colon and not address:
            self.fail(f"an address is missing after {value!r}.", param, ctx)
        return Approval(kind), address or None


class AddressType(click.ParamType):  # type: ignore[type-arg]  # generic only in the newest click
    """`role/NAME` or `managed_policy/NAME`, as plans show it."""

    name = "address"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return it as it is."""
        kind, _, name = str(value).partition("/")
        if kind not in _KINDS or not name:
            meant = "" if name else f" Did you mean 'role/{kind}'?"
            self.fail(f"{value!r} is not an address: that is role/NAME or managed_policy/NAME.{meant}", param, ctx)
        return str(value)


_OPTIONS = (
    click.option(
        "--target",
        "targets",
        cls=Option,
        multiple=True,
        metavar="ADDRESS",
        help="Only this object, such as role/deployer, and what it needs; can be repeated.",
    ),
    click.option(
        "--destroy", cls=Option, is_flag=True, help="Plan the deletion of all that is owned, declared or not."
    ),
    click.option(
        "--approve",
        cls=Option,
        multiple=True,
        type=ApprovalType(),
        shell_complete=approvals,
        metavar="KIND[:ADDRESS]",
        help="Release what would be held. KIND is re_trust, adopt, undo_narrowing, broaden or delete; can be repeated.",
    ),
    click.option(
        "--allow-self",
        cls=Option,
        multiple=True,
        type=AddressType(),
        metavar="ADDRESS",
        help="Allow a change to what this runs as, such as its role or a policy of it; can be repeated.",
    ),
    click.option(
        "--allow-mass-delete",
        cls=Option,
        is_flag=True,
        help="Allow to delete more of what is owned than the configuration does: 30 % where it says nothing.",
    ),
)


def choice_options(function: F) -> F:
    """Give a command these options, as its argument `chosen`: what `choices_of` makes the engine's `Choices` from."""

    @functools.wraps(function)
    def command(*arguments: Any, **given: Any) -> Any:
        shared = {name: given.pop(name) for name in CHOICES}
        if shared["destroy"] and shared["targets"]:
            raise click.UsageError("--destroy and --target exclude each other.")
        return function(*arguments, chosen=shared, **given)

    decorated: Any = command
    for option in reversed(_OPTIONS):
        decorated = option(decorated)
    return decorated  # type: ignore[no-any-return]  # the same callable with options


def choices_of(
    chosen: dict[str, Any], paths: Sequence[str], settings: Settings, *, first_use: bool = False, kept: bool = True
) -> Choices:
    """Return what the engine takes."""
    from reconciler.engine import Choices  # noqa: PLC0415  the help needs none of it

    if chosen["destroy"] and paths:
        raise click.UsageError("--destroy plans the deletion of everything: it takes no PATH.")
    narrowed = tuple(_among_manifests(Path(path), settings.manifests) for path in paths)
    return Choices(paths=narrowed, first_use=first_use, kept=kept, **chosen)


def _among_manifests(path: Path, manifests: Path) -> Path:
    """Return a path, or the folder of the manifests where that lies below it: `.` means all of them."""
    return manifests if Path(os.path.realpath(manifests)).is_relative_to(os.path.realpath(path)) else path


def unfit_choices(choices: Choices, plans: Sequence[Plan]) -> Iterator[Diagnostic]:
    """Yield a warning for each address that was named and has no change to which the option applies: a slip of the pen.

    Whether a change is to what this runs as, a plan does not tell: `--allow-self` may name the address of any change.
    """
    asked = {(kind, change.address) for plan in plans for change in plan.changes for kind in change.approvals}
    for kind, address in choices.approve:
        if address is not None and (kind, address) not in asked:
            fitting = {other for wanted, other in asked if wanted is kind}
            help_ = "The plan says of each change which approvals it asks for."
            yield _unfit(f"--approve {kind}:", address, fitting, help_)
    changed = {change.address for plan in plans for change in plan.changes}
    changed |= {blocker.address for plan in plans for blocker in plan.blockers if blocker.address}
    caseless = {address.casefold() for address in changed}
    for address in choices.allow_self:
        if address.casefold() not in caseless:
            help_ = "What needs it is blocked with RC313, which names the address to give."
            yield _unfit("--allow-self ", address, changed, help_)


def _unfit(option: str, address: str, fitting: Iterable[str], help_: str) -> Diagnostic:
    message = f"{option}{address} fits no change of this plan.{did_you_mean(address, sorted(fitting))}"
    return Diagnostic(Code.RM120, message, severity=Severity.WARNING, help=help_)

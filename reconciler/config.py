"""`reconciler.toml`: what is not a role, found from the working folder upwards.

It says where manifests and state are, which accounts are worked and as whom, which approvals are held, how much may be
deleted at once, what is left alone, and in which order a fleet is rolled out. A flag wins over a variable, which wins
over this file; flags and variables are the command line's business. Paths in the file are relative to the file; `~` is
the home of whoever runs this.
"""

from __future__ import annotations

import difflib
import os
import re
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, NoReturn, Self, TypeAlias

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator
from pydantic_core import ErrorDetails, PydanticCustomError

from reconciler.bounded import MEBIBYTE, read_bounded
from reconciler.model.arn import is_account_id, parse_arn
from reconciler.model.change import Approval
from reconciler.model.diagnostic import Code, Diagnostic, Place, ReconcilerError

FILE_NAME = "reconciler.toml"
OBJECT_STORE = "s3://"
LARGEST_FILE = MEBIBYTE
_MANY = 1_000_000_000

_HEADER = re.compile(r"\s*\[+\s*(?P<table>[^\]#]+?)\s*\]+")
_KEY = re.compile(r"""\s*(?P<key>[A-Za-z0-9_-]+|"[^"]*"|'[^']*')\s*=""")
_AT_LINE = re.compile(r"\s*\(at line (?P<line>\d+), column (?P<column>\d+)\)")


def _is_named(value: str) -> str:
    if not value.strip() or "\0" in value:
        raise PydanticCustomError("place", "a folder is named here; . is the one that this file is in")
    return value


def _is_account(value: str) -> str:
    if not is_account_id(value):
        raise PydanticCustomError("account", "an account is twelve digits")
    return value


def _is_role(value: str) -> str:
    arn = parse_arn(value)
    if arn is None or arn.service != "iam" or arn.kind != "role" or not is_account_id(arn.account):
        raise PydanticCustomError("role_arn", "this is the ARN of a role: arn:aws:iam::ACCOUNT:role/NAME")
    return value


def _is_external_id(value: str) -> str:
    if not re.fullmatch(r"[\w+=,.@:/-]{2,1224}", value, re.ASCII):
        raise PydanticCustomError("external_id", "an external ID has 2 to 1,224 letters, digits and +=,.@:/_-")
    return value


def _is_selector(value: str) -> str:
    tag, equals, _ = value.partition("=")
    if not (tag and equals):
        raise PydanticCustomError("selector", "a wave selects accounts by their tags: TAG=VALUE")
    return value


ApprovalKind: TypeAlias = Annotated[Approval, Field(strict=False)]  # by its name, as TOML has it
Named: TypeAlias = Annotated[str, AfterValidator(_is_named)]
AccountId: TypeAlias = Annotated[str, AfterValidator(_is_account)]
Selector: TypeAlias = Annotated[str, AfterValidator(_is_selector)]


class _Table(BaseModel):
    """A table of which every key is known, with values of exactly their types."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class AccountConfig(_Table):
    """One account, and the role that is assumed to work in it; `tags` are what waves select by."""

    name: str | None = None
    role_arn: Annotated[str, AfterValidator(_is_role)] | None = None
    external_id: Annotated[str, AfterValidator(_is_external_id)] | None = None
    tags: dict[str, str] = {}


class Approvals(_Table):
    """Kinds of approval that a bare `--auto-approve` holds besides its own three, and those that it lets pass."""

    hold: list[ApprovalKind] = []
    pass_: list[ApprovalKind] = Field(default=[], alias="pass")

    @model_validator(mode="after")
    def _decided(self) -> Self:
        if both := set(self.hold) & set(self.pass_):
            raise PydanticCustomError("approvals", f"{min(both)} cannot both be held and pass")
        return self


class Limits(_Table):
    """How much may be deleted at once: more than the fraction of at least so many owned objects is blocked."""

    delete_fraction: float = Field(default=0.3, ge=0, le=1)
    delete_minimum: int = Field(default=10, ge=0, le=_MANY)


class Ignore(_Table):
    """What is left alone, by shell pattern: names of roles and inline policies, keys of tags, ARNs of policies."""

    roles: list[str] = []
    tags: list[str] = []
    managed_policies: list[str] = []
    inline_policies: list[str] = []


class Rollout(_Table):
    """The order in which accounts are worked: waves of `TAG=VALUE`, stopped after so many accounts that failed.

    A wave has the accounts that have one of its tags, and are in none before it; those in none come last.
    """

    waves: list[list[Selector]] = []
    stop_after_failures: int | None = Field(default=None, ge=1, le=_MANY)


class Config(_Table):
    """All that the file says; `manifests` and `state` as seen from the working folder."""

    manifests: Named = "manifests"
    state: Named = "state"
    accounts: dict[AccountId, AccountConfig] = {}
    approvals: Approvals = Approvals()
    limits: Limits = Limits()
    ignore: Ignore = Ignore()
    rollout: Rollout = Rollout()


def load_config(path: Path | None, cwd: Path) -> Config:
    """Return the configuration of a file, or of the nearest `reconciler.toml` from the working folder upwards.

    Without one everything has its default. Raises ReconcilerError (RM121) with everything that is wrong with it.
    """
    found = path or find_config(cwd)
    if found is None:
        return Config()
    shown = shown_from(found, cwd)
    text = _text(found, shown)
    try:
        config = _understood(text, shown)
    except (ValueError, RecursionError) as error:  # brackets thousands deep, a number of thousands of digits
        why = "it is nested too deeply" if isinstance(error, RecursionError) else "a number in it is too long"
        _refuse(Diagnostic(Code.RM121, f"{shown} cannot be used: {why}.", place=Place(shown)))
    if foreign := list(_foreign_roles(config, shown, text)):
        _refuse(*foreign)
    return config.model_copy(update=_rebased(config, found.parent, cwd))


def _understood(text: str, shown: str) -> Config:
    try:
        return Config.model_validate(tomllib.loads(text))
    except tomllib.TOMLDecodeError as error:
        _refuse(_syntax_diagnostic(error, shown, text))
    except ValidationError as error:
        _refuse(*(_diagnostic(details, shown, text) for details in error.errors(include_url=False)))


def find_config(cwd: Path) -> Path | None:
    """Return the nearest `reconciler.toml` from a folder upwards, be it one that cannot be read."""
    folder = cwd.absolute()
    places = (parent / FILE_NAME for parent in (folder, *folder.parents))
    return next((place for place in places if os.path.lexists(place)), None)


def with_home(path: str) -> str:
    """Return a path with the home in place of a `~` that no shell has seen, such as a quoted one."""
    return os.path.expanduser(path)  # noqa: PTH111  it never raises


def shown_from(path: Path, cwd: Path) -> str:
    """Return the name of a path for people: relative to the working folder where it lies below, or was given so."""
    relative = os.path.relpath(cwd / path, cwd)
    given_so = (cwd / path).is_relative_to(cwd)  # by its text alone: such as here/../state
    return relative if given_so or not relative.startswith("..") else str(path)


def _text(path: Path, shown: str) -> str:
    try:
        return read_bounded(path, most=LARGEST_FILE).decode()
    except OSError as error:
        _refuse(Diagnostic(Code.RM121, f"{shown} cannot be read: {error.strerror}.", place=Place(shown)))
    except UnicodeDecodeError:
        _refuse(Diagnostic(Code.RM121, f"{shown} is not UTF-8.", place=Place(shown)))


def _refuse(*diagnostics: Diagnostic) -> NoReturn:
    raise ReconcilerError(*diagnostics)


def _rebased(config: Config, folder: Path, cwd: Path) -> dict[str, str]:
    """Return the paths of the file as seen from the working folder; a place in S3 stays as it is."""
    manifests, state = with_home(config.manifests), with_home(config.state)
    if folder.absolute() == cwd.absolute():
        return {"manifests": manifests, "state": state}
    return {
        "manifests": str(folder / manifests),
        "state": state if state.startswith(OBJECT_STORE) else str(folder / state),
    }


def _syntax_diagnostic(error: tomllib.TOMLDecodeError, shown: str, text: str) -> Diagnostic:
    """Return what tomllib says, with the place that it writes into its message."""
    message = str(error)
    place = Place(shown)
    if at := _AT_LINE.search(message):
        message = _AT_LINE.sub("", message)
        place = _place(shown, text, int(at["line"]), int(at["column"]))
    return Diagnostic(Code.RM121, f"This is not TOML: {message[:1].lower()}{message[1:]}.", place=place)


def _place(shown: str, text: str, line: int, column: int) -> Place:
    lines = text.splitlines()
    return Place(shown, line, column, lines[line - 1] if line <= len(lines) else None)


def _diagnostic(details: ErrorDetails, shown: str, text: str) -> Diagnostic:
    path = tuple(str(part) for part in details["loc"] if part != "[key]")
    name = ".".join(path) or "the file"
    remedy = None
    match details["type"]:
        case "extra_forbidden":
            message = f"`{name}` is not a key of {FILE_NAME}."
            remedy = _did_you_mean(path)
        case "place" | "account" | "role_arn" | "external_id" | "selector" | "approvals":
            message = f"`{name}`: {details['msg']}."
        case _:
            message = f"`{name}`: {details['msg'][:1].lower()}{details['msg'][1:]}, not {details['input']!r}."
    return Diagnostic(Code.RM121, message, place=_place_of(path, shown, text), help=remedy)


def _foreign_roles(config: Config, shown: str, text: str) -> Iterator[Diagnostic]:
    for account, how in config.accounts.items():
        arn = parse_arn(how.role_arn or "")
        if arn is not None and arn.account != account:
            path = ("accounts", account, "role_arn")
            message = f"`{'.'.join(path)}`: the role of account {account} is one of account {arn.account}."
            yield Diagnostic(Code.RM121, message, place=_place_of(path, shown, text))


def _did_you_mean(path: tuple[str, ...]) -> str | None:
    known = list(_known_keys(path[:-1]))
    near = difflib.get_close_matches(path[-1], known, n=1)
    return f"Did you mean {near[0]}?" if near else f"The keys here are {', '.join(known)}."


def _known_keys(table: tuple[str, ...]) -> Iterator[str]:
    models: Mapping[str, type[BaseModel]] = {
        "accounts": AccountConfig,
        "approvals": Approvals,
        "limits": Limits,
        "ignore": Ignore,
        "rollout": Rollout,
    }
    model = models[table[0]] if table else Config
    yield from (field.alias or name for name, field in model.model_fields.items())


def _place_of(path: tuple[str, ...], shown: str, text: str) -> Place:
    """Return the line of a key, or of the nearest table above it that is written out."""
    best, best_length = Place(shown), 0
    table: tuple[str, ...] = ()
    for number, line in enumerate(text.splitlines(), start=1):
        if header := _HEADER.match(line):
            table = tuple(part.strip(" \"'") for part in header["table"].split("."))
            here, column = table, line.index("[") + 1
        elif key := _KEY.match(line):
            here, column = (*table, key["key"].strip("\"'")), key.start("key") + 1
        else:
            continue
        if len(here) > best_length and path[: len(here)] == here:
            best, best_length = Place(shown, number, column, line), len(here)
    return best

"""Which accounts a run works in, and how to get there."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from reconciler.config import AccountConfig, Config
from reconciler.engine.settings import Settings
from reconciler.iam import Caller
from reconciler.manifest import Manifests
from reconciler.model.diagnostic import Code, Diagnostic, ReconcilerError


@dataclass(frozen=True, kw_only=True)
class Account:
    """An account to work in, and how to get there."""

    id: str
    name: str | None
    config: AccountConfig | None

    @property
    def is_assumed(self) -> bool:
        """Tell whether a role leads there."""
        return self.config is not None and self.config.role_arn is not None


def reachable(
    settings: Settings, manifests: Manifests, home: Caller, *, owns_in: Callable[[str], bool]
) -> dict[str, Account]:
    """Return the accounts there are: the configured ones, and the caller's own where it matters.

    It does where manifests speak of it, and where something is owned in it, which `owns_in` tells of an account: what
    was taken out of the manifests is to go.
    """
    configured = settings.config.accounts
    found = {id_: Account(id=id_, name=config.name, config=config) for id_, config in sorted(configured.items())}
    spoken_of = bool(manifests.of_account(home.account, default=home.account))
    if not configured or (home.account not in configured and (spoken_of or owns_in(home.account))):
        found[home.account] = _own(home)
    return found


def chosen(found: Mapping[str, Account], settings: Settings, home: Caller) -> list[Account]:
    """Return all accounts there are, or the one that was asked for; RM113 where it is none of them."""
    wanted = settings.account
    if wanted is None:
        return [found[account] for account in sorted(found)]
    if wanted not in found:
        raise ReconcilerError(
            Diagnostic(
                Code.RM113,
                f"--account {wanted} is neither that of the credentials ({home.account}) nor configured.",
                help=f"Add [accounts.{wanted}] to reconciler.toml, or use credentials of that account.",
            )
        )
    return [found[wanted]]


def planned(found: Mapping[str, Account], plans: Sequence[str], home: Caller, *, wanted: str | None) -> list[Account]:
    """Return the accounts of saved plans, or the one that was asked for; RA408 for one not planned or not in reach."""
    known = {home.account: _own(home), **found}
    if wanted is not None:
        if wanted not in plans:
            raise ReconcilerError(
                Diagnostic(
                    Code.RA408,
                    f"--account {wanted} asks for an account that is not in the plan: it is for {', '.join(plans)}.",
                    help="Leave --account out, or make a plan of that account.",
                )
            )
        plans = [wanted]
    for account in plans:
        if account not in known:
            raise ReconcilerError(
                Diagnostic(
                    Code.RA408,
                    f"The plan is for account {account}, the credentials belong to {home.account}.",
                    help="Use credentials of that account, or configure it in reconciler.toml.",
                )
            )
    return [known[account] for account in sorted(plans)]


def waves_of(accounts: Iterable[str], config: Config) -> dict[str, int]:
    """Return the wave in which each account is worked: the first that selects it, or one after all that are named."""
    waves = config.rollout.waves

    def wave(account: str) -> int:
        tags = {f"{key}={value}" for key, value in config.accounts[account].tags.items()} if account in known else set()
        return next((at for at, selectors in enumerate(waves) if not tags.isdisjoint(selectors)), len(waves))

    known = config.accounts.keys()
    return {account: wave(account) for account in accounts}


def _own(home: Caller) -> Account:
    return Account(id=home.account, name=None, config=None)

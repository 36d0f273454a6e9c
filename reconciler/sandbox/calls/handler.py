"""What a handler of a call is: parameters in, members of the answer out, IamError for a refusal."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from reconciler.sandbox.world import Call

Result = Mapping[str, Any]
Handler = Callable[[Call], Result]

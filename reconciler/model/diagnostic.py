"""What a person is told: a code, one sentence, the place, and what to do about it.

Every error, warning and note of the program is a `Diagnostic`, whichever room it comes from, so that text, JSON and
every later format show the same facts. `Code` is the closed catalogue: `reconciler explain CODE` tells the long story
of each, and a test fails for a code without a story or one that nothing raises.

Families: RM1xx manifest and configuration, RP2xx principals and trust, RC3xx checks and quotas, RA4xx applying, AWS
and plan files, RS5xx state and locks.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Severity(StrEnum):
    """How much a diagnostic weighs: an error stops something, a warning wants reading, a note informs."""

    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"


class Code(StrEnum):
    """The catalogue of everything that can be said, with its one-line title as the docstring of each family."""

    RM101 = "RM101"
    RM102 = "RM102"
    RM103 = "RM103"
    RM104 = "RM104"
    RM105 = "RM105"
    RM106 = "RM106"
    RM107 = "RM107"
    RM108 = "RM108"
    RM109 = "RM109"
    RM110 = "RM110"
    RM111 = "RM111"
    RM112 = "RM112"
    RM113 = "RM113"
    RM114 = "RM114"
    RM115 = "RM115"
    RM116 = "RM116"
    RM117 = "RM117"
    RM118 = "RM118"
    RM119 = "RM119"
    RM120 = "RM120"
    RM121 = "RM121"
    RM122 = "RM122"
    RM123 = "RM123"
    RP201 = "RP201"
    RP202 = "RP202"
    RP203 = "RP203"
    RP204 = "RP204"
    RP205 = "RP205"
    RP206 = "RP206"
    RP207 = "RP207"
    RP208 = "RP208"
    RP209 = "RP209"
    RP210 = "RP210"
    RP211 = "RP211"
    RP212 = "RP212"
    RP213 = "RP213"
    RP214 = "RP214"
    RP220 = "RP220"
    RP221 = "RP221"
    RP222 = "RP222"
    RP223 = "RP223"
    RP224 = "RP224"
    RP225 = "RP225"
    RC301 = "RC301"
    RC302 = "RC302"
    RC303 = "RC303"
    RC304 = "RC304"
    RC305 = "RC305"
    RC306 = "RC306"
    RC307 = "RC307"
    RC308 = "RC308"
    RC309 = "RC309"
    RC310 = "RC310"
    RC311 = "RC311"
    RC312 = "RC312"
    RC313 = "RC313"
    RC314 = "RC314"
    RC315 = "RC315"
    RC316 = "RC316"
    RC317 = "RC317"
    RC318 = "RC318"
    RC319 = "RC319"
    RC320 = "RC320"
    RA401 = "RA401"
    RA402 = "RA402"
    RA403 = "RA403"
    RA404 = "RA404"
    RA405 = "RA405"
    RA406 = "RA406"
    RA407 = "RA407"
    RA408 = "RA408"
    RA409 = "RA409"
    RA410 = "RA410"
    RA411 = "RA411"
    RA412 = "RA412"
    RA413 = "RA413"
    RA414 = "RA414"
    RA415 = "RA415"
    RA416 = "RA416"
    RA417 = "RA417"
    RA418 = "RA418"
    RA419 = "RA419"
    RS501 = "RS501"
    RS502 = "RS502"
    RS503 = "RS503"
    RS504 = "RS504"
    RS505 = "RS505"
    RS506 = "RS506"
    RS507 = "RS507"
    RS508 = "RS508"
    RS509 = "RS509"
    RS510 = "RS510"


TITLES: dict[Code, str] = {
    Code.RM101: "No manifests found",
    Code.RM102: "A file cannot be read",
    Code.RM103: "A file is not YAML",
    Code.RM104: "A key is repeated",
    Code.RM105: "An anchor, alias, merge key or tag",
    Code.RM106: "A value that could silently change",
    Code.RM107: "An unknown key",
    Code.RM108: "A key is missing",
    Code.RM109: "A value of the wrong type",
    Code.RM110: "An unknown kind",
    Code.RM111: "A value outside IAM's rules",
    Code.RM112: "Declared twice",
    Code.RM113: "An account that does not fit",
    Code.RM114: "A policy document that IAM would refuse",
    Code.RM115: "An ARN of the wrong type",
    Code.RM116: "A trust entry that does not hold together",
    Code.RM117: "An empty file",
    Code.RM118: "A file was skipped",
    Code.RM119: "Not supported by this version",
    Code.RM120: "A path or target that names nothing",
    Code.RM121: "The configuration cannot be used",
    Code.RM122: "An option or variable cannot be used",
    Code.RM123: "Other settings than at the last apply",
    Code.RP201: "A trusted principal was deleted and recreated",
    Code.RP202: "A trusted principal was deleted",
    Code.RP203: "A dead unique ID of unknown origin",
    Code.RP204: "A declared principal does not exist",
    Code.RP205: "A unique ID written as a principal",
    Code.RP206: "A dead unique ID, most likely of a declared principal",
    Code.RP207: "A principal out of reach",
    Code.RP208: "A trusted principal was renamed",
    Code.RP209: "Not a principal",
    Code.RP210: "A principal that IAM shows in a passing form",
    Code.RP211: "Everyone is trusted",
    Code.RP212: "A shared identity provider without a subject",
    Code.RP213: "NotPrincipal in a trust policy",
    Code.RP214: "An action that does not fit the principal",
    Code.RP220: "Changed outside",
    Code.RP221: "Recreated outside",
    Code.RP222: "Deleted outside",
    Code.RP223: "Differs from its manifest",
    Code.RP224: "Not managed",
    Code.RP225: "A live document that is not understood",
    Code.RC301: "A trust policy is too long",
    Code.RC302: "Inline policies are too long",
    Code.RC303: "A managed policy is too long",
    Code.RC304: "Too many policies attached",
    Code.RC305: "Too many roles",
    Code.RC306: "Too many managed policies",
    Code.RC307: "A policy has no free version slot",
    Code.RC308: "An attached policy does not exist",
    Code.RC309: "A permissions boundary does not exist",
    Code.RC310: "A name that exists in another case or at another path",
    Code.RC311: "Owned by another tool",
    Code.RC312: "A service-linked or reserved role",
    Code.RC313: "The role this program runs as",
    Code.RC314: "Too many deletions at once",
    Code.RC315: "Protected from destruction",
    Code.RC316: "A policy that cannot be replaced safely",
    Code.RC317: "A description that cannot change",
    Code.RC318: "A permissions boundary is left in place",
    Code.RC319: "A policy is still in use",
    Code.RC320: "Something it needs is blocked",
    Code.RA401: "No credentials",
    Code.RA402: "Credentials are not accepted",
    Code.RA403: "Access denied",
    Code.RA404: "AWS cannot be reached",
    Code.RA405: "A reply that is not understood",
    Code.RA406: "Not a plan file",
    Code.RA407: "A plan file of another version",
    Code.RA408: "A plan file of another account",
    Code.RA409: "A plan file was edited",
    Code.RA410: "A plan is stale",
    Code.RA411: "Refused without approval",
    Code.RA412: "Not the plan that was approved",
    Code.RA413: "AWS is too busy",
    Code.RA414: "IAM refused a request",
    Code.RA415: "An outcome is unknown",
    Code.RA416: "Not tried",
    Code.RA417: "Interrupted",
    Code.RA418: "A write was attempted while reading",
    Code.RA419: "A file cannot be written",
    Code.RS501: "The state file cannot be read",
    Code.RS502: "The state file was altered",
    Code.RS503: "The state of another account",
    Code.RS504: "The state file is from a newer version",
    Code.RS505: "The state is locked",
    Code.RS506: "The state cannot be written",
    Code.RS507: "No state yet",
    Code.RS508: "First use must be said",
    Code.RS509: "The ledger was not updated",
    Code.RS510: "The state moved on",
}


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """Where in a file: `file` relative to the working folder, `line` and `column` from 1, and the line itself."""

    file: str
    line: int | None = None
    column: int | None = None
    text: str | None = None

    def __str__(self) -> str:
        """Return `file:line:column`, as far as known, the form that editors open."""
        parts = [self.file, self.line, self.column]
        return ":".join(str(part) for part in parts if part is not None)


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """One thing to be told.

    `message` is one sentence, `help` what to do; both may quote text from AWS or a manifest as it is: whoever shows
    it escapes it for the place it is shown in. `address` names the object (`role/deployer`), if there is one.
    """

    code: Code
    message: str
    severity: Severity = Severity.ERROR
    address: str | None = None
    place: Place | None = None
    help: str | None = None

    @property
    def is_error(self) -> bool:
        """Tell whether this stops something."""
        return self.severity is Severity.ERROR


class ReconcilerError(Exception):
    """One or more diagnostics that end what was being done; the command line shows all of them and exits 1."""

    def __init__(self, *diagnostics: Diagnostic) -> None:
        """Carry the diagnostics; at least one."""
        super().__init__("; ".join(f"{found.code}: {found.message}" for found in diagnostics))
        self.diagnostics = diagnostics

"""iam-reconciler: AWS IAM roles kept as declared, and trusted by who they are.

IAM stores a principal in a trust policy by unique ID, not by name. Delete a user and create it again, and
every trust that named it is dead, though its ARN reads the same. So three things are compared here, where
others compare two: what is declared, what is live, and what is remembered of whose ID was whose.

Data flows one way, from the left to the right; imports point against it::

    manifests/*.yaml --> manifest --> declared ---+
                                                  |
    IAM --> iam --> snapshot --> live ------------+--> diff --> plan --> apply --> IAM
                                                  |               |        |
    state/*.json --> state --> remembered --------+               |        +--> state
                                                  |               v
                                                  +--> drift --> render --> a person, or a program

- `model` says what IAM is made of: ARNs, principals, policy documents, roles. Pure values, and the only
  package that everything else may import.
- `manifest` reads YAML into declared objects, with file, line and column kept for every complaint.
- `iam` is the only way to AWS: one typed method for each API call.
- `snapshot` reads a whole account into one value, at the price of pages rather than of roles.
- `state` remembers what this program owns, by ID, and keeps the ledger of all IDs that it has ever seen.
- `checks` finds what can be refused before anything is written.
- `diff` holds the decision table: declared, remembered and live become changes.
- `plan` puts the changes in an order in which nobody ever has more access than before or after, asks for the
  approvals they need, and signs the whole with a fingerprint. A plan is data; making one changes nothing.
- `apply` executes a plan and can do nothing that is not in it. It looks before each write, and records after.
- `drift` compares the same three and reports instead: orphans, and what was changed by other hands.
- `engine` joins these rooms into what a command does, for one account or for many, each beside the others.
- `render` shows a plan or a report as text, JSON and other formats, and decides nothing.
- `cli` is one file for each command: parse, call the engine, render, exit code.

Beside the flow stands `sandbox`, an IAM with IAM's manners, for the demo and for tests. It knows nothing of
the rest, and of the rest only `cli` knows it.
"""

__version__ = "0.1.0"

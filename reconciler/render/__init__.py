"""Showing what was planned, found and done: text for people, JSON for programs.

Everything here is a pure function from a `Plan`, a `DriftReport`, an `ApplyResult` or `Diagnostic`s to text
or JSON. It decides nothing, asks nobody and reads no clock: what a reviewer should know has to stand in the
value already.

- `escape` makes text from AWS and from manifests inert for the place it is shown in;
- `lines` is text before it is painted: lines of spans, each with a tone, so that colour is never in the data;
- `policy_words` says in words what differs between two policy documents, `attributes` the same for the rest;
- `text` puts plans, drift reports, results of an apply and diagnostics together; `json` does it for programs.
"""

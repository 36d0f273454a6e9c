"""What the tests of the engine declare."""

from __future__ import annotations

LIST = '{Version: "2012-10-17", Statement: [{Effect: Allow, Action: "s3:ListBucket", Resource: "arn:aws:s3:::b"}]}'
READ = '{Version: "2012-10-17", Statement: [{Effect: Allow, Action: "s3:GetObject", Resource: "arn:aws:s3:::b/*"}]}'
ROLE = f"""
kind: Role
name: deployer
trust: [{{user: alice}}]
managed_policies: [Lists]
inline_policies: {{read: {READ}}}
---
kind: ManagedPolicy
name: Lists
policy: {LIST}
"""

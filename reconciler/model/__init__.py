"""What IAM is made of, as pure values: no I/O, no boto3, no clock.

`arn` and `principal` say who is meant, `policy` what is allowed, `role` and `managed_policy` what carries both,
`diagnostic` what a person is told when something is wrong. Nothing here knows of manifests, of state or of AWS calls;
everything else in the house is built of these values.
"""

"""Signers: what proves to a provider that a request is the operator's, where a constant key does not.

- A signer is chosen by the name that a provider file gives; no code here knows a provider.
- Each needs a package that is an extra of ours, imported only when such a signer is made.
- Signing does no I/O. What must be fetched is fetched in a thread, ahead of its end (`kept.py`), so that no call waits
  for it but the first.
- A secret is in no message and no log.
"""

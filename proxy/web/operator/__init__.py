"""The operator API, `/admin/v1`: tenants, keys, credits, balances, margins, rates, ledger, calls, verify.

Invariants:
- Every route needs the admin token; no answer carries a key's secret except the one that made it.
- A request is read into a type that refuses unknown fields; answers are built in `documents.py` only.
- Errors are `{"error": {"code", "message"}}` with the status that says so.
"""

"""The operator API, `/admin/v1`: tenants, keys, credits, balances, margins, caps, rates, ledger, calls, verify.

Invariants:
- Every route needs the admin token; no answer carries a key's secret except the one that made it.
- A route is a row of `routes.py`; what it asks for and answers with are the types of its handler's signature
  (`route.py`), from which the router and the OpenAPI document are made.
- A request is read into a type that refuses unknown fields; answers are built in `documents/` only.
- Errors are `{"error": {"code", "message"}}` with the status that says so.
"""

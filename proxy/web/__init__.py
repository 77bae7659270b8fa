"""The faces: the edge that callers meet, the operator API, metrics and health.

Invariants:
- A handler is thin: it reads a request into a typed value, asks the floors below, writes the answer.
- aiohttp objects stay on this floor.
- No answer, log or error carries a secret or a stack trace.
"""

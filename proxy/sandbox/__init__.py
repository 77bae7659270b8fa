"""A provider made up: answers in real providers' shapes, with believable words, pace and usage. It ships.

`upstream: sandbox` on an integration starts one `Sandbox` on loopback and sends that integration's calls to it.

- No code here knows a provider. A shape is data (`config/sandbox/*.yaml`): routes, templates, errors.
- The same question gets the same words, streamed or not; only ids and times differ.
- What it reports is what it logs: `log` and `GET /sandbox/log` are the truth to hold a ledger against.
- A tenant's key that arrives here is a bug of the proxy: it is answered 500 and logged as an error.
- Tests steer a call with `x-sandbox-...` headers: see `steering.py`.

Read `server.py` first (what happens to a request), then `responder.py` (what is answered).
"""

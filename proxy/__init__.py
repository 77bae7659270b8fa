"""Faregate: a metering reverse proxy in front of AI providers.

Read `call.py` first: it is the life of a call. The folders are floors, and imports only go down:

    web, jobs      faces and alarm clocks
    call           the life of a call, in order
    steps          one verb a file
    store, upstream, loading, sandbox      doors to the world
    bounds, pricing, ledger                pure rules
    calls, usage, tenants, wire            pure nouns
    money, ids, clock, errors              the ground
"""

__version__ = "0.1.0"

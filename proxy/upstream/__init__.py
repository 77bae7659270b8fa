"""The door to providers: one request out with our credentials, one answer back as it comes.

Invariants:
- Nothing is sent without a committed hold, or a free-route token: `Upstream.send` takes one as an argument.
- No redirect is followed, nothing that may have been processed is sent twice, no cookie is kept.
- The tenant's key never leaves; ours never comes back.
"""

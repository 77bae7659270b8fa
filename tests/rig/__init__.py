"""A rig for the real process: its provider, its disk and its own life fail, and the books must be right all the same.

    plan       one call: what the provider shall do and bill, what the caller shall do
    provider   the provider, a process of its own: it outlives every kill, and its log is what was really billed
    callers    those who call: they stay, hang up, reset, half-close, or read nothing
    disk       a volume of its own for the database, which can be full
    faults     what is done to the server: killed, stopped, halted, its database locked, its disk full or broken
    books      what the server has written down, read as an operator reads it
    auditor    holds the provider's log, the callers' answers and the books against one another
    run        all of it together, from one seed
    report     the table and the document
    soak       load without deaths, and the curve of the server's memory: `make soak MINUTES=30`

`make rig KILLS=1000` runs it for long, `tests/process/test_rig.py` for seconds. Nothing here is imported by `proxy`,
and nothing of `proxy` is used: what a call costs is worked out anew.
"""

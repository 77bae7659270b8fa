"""A world in one process: the real house under virtual time, with faults at every door, from one number.

    loop        virtual time, and a crash that runs no `finally`
    disk        the real SQLite, journal and commits, slow, busy, full or dying
    provider    a provider that knows what it really billed, and does not always say so
    caller      applications that wait, hang up, stall or come again
    house       one start of the server after the other: recovery, jobs, drain, crash
    operator    money, margins, rates, keys and caps that change while calls run
    world       one seed: all of these together, until everything is quiet
    audit       what must be true then, worked out without the house's own arithmetic
    bugs, hunt  faults planted in the house, each of which an audit must find

`python -m simulator --seeds 1000` runs many worlds, `--seed 7 --trace` tells one.
"""

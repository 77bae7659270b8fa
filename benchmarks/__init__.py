"""Benchmarks: what a metered call costs, as ratios to other proxies in the same run.

    work         the request that is sent and the answer that comes back
    upstream     a provider of canned bytes, too fast to matter
    bare         the yardstick `B`: an ordinary pass-through on aiohttp and uvloop
    contestants  starts what is measured, each on its core
    load         drives one contestant and counts: answers, bytes, CPU, latency
    measure      interleaves the rounds, and repeats those that others disturbed
    report       medians, ranges and ratios
    json_call, stream_call   the two commands

Nothing here is imported by `proxy`, and no figure is compared with one of another run.
"""

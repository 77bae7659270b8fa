"""Whoever watches calls: told of each once, at its end.

A watcher sees a `CallReport`: ids, names, times, quantities and money; never a key, a prompt or an answer. It cannot
change a call, and if it fails the call goes on. Metrics are no watchers: they are added to along the way, as plain
numbers. With nobody watching a call pays nothing for this.

    report    what is told of a call, and which calls are worth a word
    lines     the log: one line a call
    traces    OpenTelemetry: one trace a call; imported only if it is switched on
    names     what integrations and endpoints are called there
"""

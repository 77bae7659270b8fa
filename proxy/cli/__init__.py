"""The command line: a client of the operator API, and the commands that start or check a server.

Invariants:
- It never opens the database of a running server; what works offline takes a file's name.
- `--json` prints exactly one document on standard output, the one the operator API answers.
- An error is one line on standard error. Exit 0: done; 1: failed; 2: used wrongly.
- Heavy imports stand inside the functions that need them, so that `--help` is quick.
"""

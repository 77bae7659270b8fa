"""Usage: how much of which unit an answer says was used. Providers differ in data, never in this code.

`spec` is what a data file may say about one kind of answer; `seen` gathers facts from an answer's documents as they
come; `measure` turns facts into a `Reading` in disjoint units; `reader` is all of it for bytes.
"""

"""The door to files: YAML in, frozen types out. Whatever is loaded cannot be wrong any more.

A file that cannot be used is refused by BadConfig with one line: file, place in it, value, remedy.
"""

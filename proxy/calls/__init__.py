"""Calls as values: what arrived, where it goes, what it may cost, what is known of it. Pure; no I/O."""

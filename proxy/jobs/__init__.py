"""Alarm clocks: they only wake what waits, and hold no rule of their own."""

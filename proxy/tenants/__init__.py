"""Who pays, and the secrets that say so. Pure; no I/O."""

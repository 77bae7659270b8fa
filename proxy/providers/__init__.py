"""One provider as Faregate knows it: an integration's hosts, keys, endpoints and envelopes, as frozen values.

Everything here is filled from `config/providers/*.yaml`; no code below or above knows a provider by name.
"""

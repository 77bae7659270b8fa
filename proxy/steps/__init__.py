"""One verb of a call in each file, in the order in which `call.py` does them:

accept, authenticate, authorize, estimate, hold, invoke, meter, price, settle.

Steps never import one another; what one leaves for the next is a value.
"""

"""A made-up shop: what a new installation shows before it has data of its own."""

"""The kinds of blocks, one module a group; importing this package registers them."""

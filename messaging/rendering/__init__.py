"""Turns a message's texts into what one recipient gets: Liquid within limits, MJML compiled once, links rewritten once."""

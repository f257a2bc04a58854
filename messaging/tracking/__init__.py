"""What comes back from sent messages by links of our own: opens, clicks, unsubscribes, views in a browser."""

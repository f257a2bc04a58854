"""REST routes whose data this app serves (API document, 9 and 10)."""

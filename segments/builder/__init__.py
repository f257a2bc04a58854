"""The form of a segment: cards of conditions as inputs of a page, and the definition they stand for."""

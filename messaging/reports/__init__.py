"""Reports on campaigns and messages: their figures, how they are counted and kept, and what the page shows."""

"""What the tests share: builders of reviews, running servers and clusters, loads, tables and properties."""

"""Each resource of the image API: what is read of its objects, and what is said of them."""

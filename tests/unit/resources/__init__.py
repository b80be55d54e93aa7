"""Each resource of the image API: the changes in its objects, and their findings."""

"""The API resources that can change what a tag means: one module for each."""

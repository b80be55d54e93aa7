"""The API resources through which a tag can be made to mean something else: one module for each."""

"""A model of openshift-apiserver's image API: a state and a request in, the possible answers, reviews and states out.

It is an executable specification. It was written from openshift-apiserver's sources (release 4.22) and from recorded
sequences of requests, and `python -m tests.openshift FOLDER` compares it with such sequences.
"""

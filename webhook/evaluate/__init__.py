"""The offline half: a source of questions becomes a stream of outcomes, and that a report.

`check`, `test`, `replay`, `scan` and `policy diff` differ in their source only: files, test cases, records, a cluster.
Whatever asks, `question.answer` decides.
"""

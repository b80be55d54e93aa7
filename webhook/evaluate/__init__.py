"""The offline half: a source of questions becomes a stream of outcomes, and then a report.

`check`, `test`, `replay`, `scan` and `policy diff` differ only in their source: files, test cases, records, a cluster.
`question.answer` decides for all of them.
"""

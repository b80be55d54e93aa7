"""Tests of policies: cases in files beside them, each a change and what is expected of it."""

from webhook.policytests.comparison import Row
from webhook.policytests.coverage import Coverage
from webhook.policytests.document import SUFFIXES, Case, Suite, load, schema
from webhook.policytests.running import Result, run
from webhook.policytests.selecting import select

__all__ = ["SUFFIXES", "Case", "Coverage", "Result", "Row", "Suite", "load", "run", "schema", "select"]

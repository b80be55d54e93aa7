"""Tests of policies: cases in files beside them, each a change and what is to come of it."""

from webhook.policytests.coverage import Coverage
from webhook.policytests.document import SUFFIXES, Case, Suite, load, schema
from webhook.policytests.running import Result, run

__all__ = ["SUFFIXES", "Case", "Coverage", "Result", "Suite", "load", "run", "schema"]

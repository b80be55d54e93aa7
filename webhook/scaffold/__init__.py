"""The first files of a policy repository: a policy, its tests, and a job that checks both."""

from webhook.scaffold.answers import Answers
from webhook.scaffold.ci import CI, NONE, Job
from webhook.scaffold.policy import policy
from webhook.scaffold.tests import tests

__all__ = ["CI", "NONE", "Answers", "Job", "policy", "tests"]

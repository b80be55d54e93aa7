"""Certificates: made for development and for a cluster, and served so that a renewed one needs no restart."""

from webhook.tls.issuing import Issued, Pair, issue, pair
from webhook.tls.serving import Serving
from webhook.tls.trust import belongs, expires, joined, signers

__all__ = ["Issued", "Pair", "Serving", "belongs", "expires", "issue", "joined", "pair", "signers"]

"""Certificates: made for development, and served so that a renewed one needs no restart."""

from webhook.tls.issuing import Issued, issue
from webhook.tls.serving import Serving

__all__ = ["Issued", "Serving", "issue"]

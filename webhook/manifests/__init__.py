"""Plain manifests become the AdmissionReviews that the API server would send for them."""

from webhook.manifests.applying import Write
from webhook.manifests.envelope import envelope
from webhook.manifests.pieces import Piece, declared, pieces
from webhook.manifests.wrappers import stream_within, unrendered

__all__ = [
    "Piece",
    "Write",
    "declared",
    "envelope",
    "pieces",
    "stream_within",
    "unrendered",
]

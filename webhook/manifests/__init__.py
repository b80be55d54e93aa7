"""Plain manifests become the AdmissionReviews that the API server would send for them."""

from webhook.manifests.envelope import envelope
from webhook.manifests.pieces import Piece, pieces
from webhook.manifests.stored import RESOURCES, as_stored

__all__ = ["RESOURCES", "Piece", "as_stored", "envelope", "pieces"]

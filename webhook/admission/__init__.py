"""The decision, pure, and the AdmissionReview codec."""

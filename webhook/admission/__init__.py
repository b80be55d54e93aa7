"""The decision, as a pure function, and the AdmissionReview codec."""

"""A policy as ValidatingAdmissionPolicies (admissionregistration.k8s.io/v1), from the CEL that its rules declare."""

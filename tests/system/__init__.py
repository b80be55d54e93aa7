"""Tests of real processes: servers over TLS, workers, signals, files, Prometheus, Chromium and the image."""

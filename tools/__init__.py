"""The project's own tools, each run by make as `python -m tools.NAME`: benchmarks, fuzzing, mutants, the SBOM, the image."""

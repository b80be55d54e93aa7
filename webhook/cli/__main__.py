"""`python -m webhook.cli` is `istag-webhook`."""

from webhook.cli import main

main(prog_name="istag-webhook")

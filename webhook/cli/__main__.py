"""`python -m webhook.cli` is `istag-webhook`."""

from webhook.cli.main import main

main(prog_name="istag-webhook")

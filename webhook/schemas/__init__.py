"""marshmallow schemas: wire documents are checked here, and only here."""

"""CEL expressions, parsed and type-checked before the engine evaluates them."""

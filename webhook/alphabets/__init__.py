"""What the values that a policy's patterns match can hold, so that a pattern which can match none is an error."""

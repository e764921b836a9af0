"""The evidence bundle, and the verifier that goes into it."""

"""The evidence bundle, and the verifier that is part of it."""

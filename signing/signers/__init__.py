"""Where the seal's private key is held."""

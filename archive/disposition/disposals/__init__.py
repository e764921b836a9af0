"""Disposals: the bordereau, its lines, its visas, and what follows from them."""

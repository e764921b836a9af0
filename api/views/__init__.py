"""Views: JSON and documents made from records, deposits, holds and proofs."""

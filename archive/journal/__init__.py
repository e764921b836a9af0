"""The journal: entry types, Merkle tree, sequencer, publisher, tiles, receipts, pseudonyms."""

"""The second copy: written, checked, restored from, promoted."""

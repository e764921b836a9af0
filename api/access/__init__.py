"""Access: keys, people, sessions, permissions, rates."""

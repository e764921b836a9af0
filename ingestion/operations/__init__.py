"""Operations on the whole system: backup, rehearsal, recovery, custody, schedule."""

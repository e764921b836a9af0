"""Operations: health, measures, metrics."""

"""All that stands still: quays, houses, signs."""

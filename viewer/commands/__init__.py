"""The commands of ``nerv360``, one module each."""

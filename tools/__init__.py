"""Programs that write documents and measure; no part of a gate."""

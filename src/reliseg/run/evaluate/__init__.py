"""Statistics of all counted pixels of a domain, shard by shard."""

"""HTTP, logins, buckets, files that stay where they lie."""

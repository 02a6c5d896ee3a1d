"""A twin of NASA's Earthdata on this machine: real sockets and TLS, the real host names through a proxy."""

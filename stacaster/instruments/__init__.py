"""What the products of one instrument share: band tables and rules, one file an instrument, no input or output."""

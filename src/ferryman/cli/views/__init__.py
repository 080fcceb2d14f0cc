"""What commands show: pure functions from views to text or to something rich can draw."""

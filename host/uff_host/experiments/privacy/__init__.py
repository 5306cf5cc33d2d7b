"""What exact sums show of the images that they are over."""

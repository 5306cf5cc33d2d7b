"""Ten digits: MNIST's, and made-up handwriting."""

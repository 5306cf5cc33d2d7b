"""Images that train and test: Fashion-MNIST, MNIST digits, drawn shapes, the user's own."""

"""How the project's figures are made: accuracy, instructions, handwriting."""

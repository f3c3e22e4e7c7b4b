"""What a model finds, held against gold documents."""

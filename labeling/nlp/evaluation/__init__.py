"""Evaluation: a model's predictions compared with gold documents."""

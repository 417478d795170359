"""Pretraining of text encoders on unlabelled product text: an existing one adapted, or a small one from nothing."""

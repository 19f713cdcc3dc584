"""Restoration: a face made clean and sharp, its colours kept, and a word on how far it moved."""

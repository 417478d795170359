"""Emerging concepts: NIL mentions become proposals, accepted ones training data; and active learning."""

"""Tests of the objects on the wire, their CRDs and the rights to them."""

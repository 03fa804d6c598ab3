"""Tests that behave like other people's programs, each in an interpreter of its own."""

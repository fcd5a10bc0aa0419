"""What a stranger adds to pairkit, each in the places that its docs name: sources for tests/test_additions.py."""

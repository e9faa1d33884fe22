"""Moving a store from one backend to another: all that it keeps as rows, the same on both."""

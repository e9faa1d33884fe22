"""The decisions of the SDK. Pure: messages, calls and time come in, effects go out. Private."""

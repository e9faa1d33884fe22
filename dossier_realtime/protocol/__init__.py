"""The wire: each message of the contract as one type, the grammar of channels, codes, and the codec. Pure."""

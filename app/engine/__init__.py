"""What nodes share: history, presence, sessions, revocations, settings, rates. `ports` says what each backend
owes."""

package cli

// ownDir has nothing to refuse: Windows has no sudo that keeps the profile.
func ownDir(string) error { return nil }

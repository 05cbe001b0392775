package git

// room is for systems that limit how many files are open.
func room() error { return nil }

package flags

import "os"

// Enabled is the one place where a flag is read.
func Enabled(key string) bool { return os.Getenv(key) == "true" }

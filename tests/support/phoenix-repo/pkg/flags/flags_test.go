package flags

import "testing"

func TestFlags(t *testing.T) {
	t.Setenv("ENABLE_TRACING", "true")
	t.Setenv("ENABLE_VPA", "true")
	t.Setenv("enable-canary", "true")
}

package controller

// Analyze compares what Prometheus counted.
func Analyze(baseline, candidate float64) float64 { return 1 - candidate/baseline }

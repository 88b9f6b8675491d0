package generator

// Generate fills a template.
func Generate(template string) string { return template }

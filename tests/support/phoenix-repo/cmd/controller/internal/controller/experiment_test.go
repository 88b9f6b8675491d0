package controller

// For now the results are mock results; generateSampleData makes them.

"""One run of the gate: workload, examination, verdict and clean-up."""

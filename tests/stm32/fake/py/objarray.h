// Nothing: see runtime.h.

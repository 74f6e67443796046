package holdfast

// Version is the version of this module, as spans and metrics carry it.
const Version = "0.1.0"

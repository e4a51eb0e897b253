// Filled in by a commit of its own.

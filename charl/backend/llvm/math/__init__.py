"""Our own exp, log, sin and so on: `routines` names them. It is imported where a program uses one,
so that others start sooner."""

PREFIX = "charl.math."

"""The daemon: settings, supervisor, pipeline, rules, outputs, page and command line. The room that sees all."""

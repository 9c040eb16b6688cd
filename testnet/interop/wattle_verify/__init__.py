"""An independent reading of docs/FORMATS.md and docs/RULES.md: it shares no code with the rest of the project."""

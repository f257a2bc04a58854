"""What a workflow is: its graph as typed structures, how it is read, checked, evaluated and timed. No database here."""

"""The app of a rehearsal, and how it is started."""

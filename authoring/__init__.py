"""What the course's authors run: labs, languages, releases, measures."""

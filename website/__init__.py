"""The course's site: its pages made from the labs as they ran, the cards and the documents; built, then checked."""
